import { stat } from 'node:fs/promises';

export type Report = (line: string) => void;

/** kmod's programs live where an ordinary user's PATH may not reach. */
export function sbinPath(): { PATH: string } {
  return { PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
}

export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
