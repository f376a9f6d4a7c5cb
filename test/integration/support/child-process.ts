import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readlinkSync } from 'node:fs';

/** A child process that does nothing until it is killed; it has begun its program when this returns. */
export function startSleeper(): ChildProcess {
  return spawn('sleep', ['60'], { stdio: 'ignore' });
}

/** What a process has open, as the kernel names it: without numbers, in order. */
export function openFiles(pid: number | undefined): string[] {
  const folder = `/proc/${pid}/fd`;
  return (
    readdirSync(folder)
      .flatMap((fd) => linkOf(`${folder}/${fd}`))
      .map((file) => file.replace(/:\[\d+\]$/, ''))
      // Files of the child itself: libraries that it is just loading.
      .filter((file) => !/^\/(usr|lib|etc)/.test(file))
      .sort()
  );
}

/** Where a descriptor leads; nothing when a process that is just starting has closed it since it was listed. */
function linkOf(descriptor: string): string[] {
  try {
    return [readlinkSync(descriptor)];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** The open files of a child process that is started now. */
export function inheritedNow(): string[] {
  const child = startSleeper();
  try {
    return openFiles(child.pid);
  } finally {
    child.kill('SIGKILL');
  }
}

/** Waits for something, and adds what child processes inherit meanwhile to `seen`. */
export async function inheritedWhile<Result>(pending: Promise<Result>, seen: Set<string>): Promise<Result> {
  let ended = false;
  const end = pending.finally(() => {
    ended = true;
  });
  while (!ended) {
    for (const file of inheritedNow()) seen.add(file);
    await new Promise(setImmediate);
  }
  return end;
}
