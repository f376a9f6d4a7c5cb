// What a process has written to a pipe whose reader is slow, when it ends by itself.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const bytes = 1_000_000;

/** A program that writes, has something outstanding, and ends with this status. */
function writer(status: number) {
  const program = `
    import { exitWhenWritten } from './scripts/written.ts';
    setInterval(() => {}, 1000);
    process.stdout.write('x'.repeat(${bytes}));
    await exitWhenWritten(${status});`;
  const words = ['--import', 'tsx', '--input-type=module', '-e', program];
  const child = spawn(process.execPath, words, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
  let read = 0;
  return {
    ended: once(child, 'exit'),
    /** Begins to read. */
    read: () => child.stdout.on('data', ({ length }: Buffer) => (read += length)),
    closed: once(child, 'close').then(() => read),
  };
}

it('reaches the reader', async () => {
  const { ended, read, closed } = writer(3);
  await sleep(2_000);
  read();
  expect((await ended)[0]).toBe(3);
  expect(await closed).toBe(bytes);
});

it('does not keep it after a signal', async () => {
  const { ended, read, closed } = writer(130);
  expect((await ended)[0]).toBe(130);
  read();
  expect(await closed).toBeLessThan(bytes);
});
