import { stat } from 'node:fs/promises';

export type Report = (line: string) => void;

/** kmod's programs are in folders that the PATH of an ordinary user may lack. */
export function sbinPath(): { PATH: string } {
  return { PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
}

export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
