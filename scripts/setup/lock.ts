// One set-up at a time.

import { once } from 'node:events';
import fs from 'node:fs';
import { execa } from 'execa';
import { SetupError } from './step.js';

/**
 * Runs `work` while no other set-up uses these folders. A child process holds the locks as long as its standard input
 * is open, so they always end with this process.
 */
export async function withLock(
  folders: string[],
  work: () => Promise<void>,
  onWait: () => void,
): Promise<void> {
  for (const folder of folders) fs.mkdirSync(folder, { recursive: true });
  const nested = folders.flatMap((folder) => ['flock', folder]);
  const [program = 'flock', ...args] = [...nested, 'sh', '-c', 'echo locked; exec cat'];
  // In its own process group: Ctrl-C must not end the holder before the work has cleaned up.
  const holder = execa(program, args, { detached: true, reject: false, buffer: false });
  const waiting = setTimeout(onWait, 500);
  try {
    const locked = await Promise.race([
      once(holder.stdout, 'data').then(() => true),
      holder.then(() => false),
    ]);
    if (!locked) throw new SetupError(`flock cannot lock ${folders.join(' and ')}`);
    clearTimeout(waiting);
    await work();
  } finally {
    clearTimeout(waiting);
    holder.stdin.end();
    await holder;
  }
}
