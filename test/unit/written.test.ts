// What a process has written to a pipe whose reader is slow, when it ends by itself.

import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const bytes = 1_000_000;

/** A program that writes, has something outstanding, and ends with this status; its reader begins after some time. */
async function bytesRead(status: number, readerWaits: string): Promise<{ read: number; status: number }> {
  const program = `
    import { exitWhenWritten } from './scripts/written.ts';
    setInterval(() => {}, 1000);
    process.stdout.write('x'.repeat(${bytes}));
    await exitWhenWritten(${status});`;
  const node = `node --import tsx --input-type=module -e "${program.replaceAll('\n', ' ')}"`;
  const script = `${node} | { sleep ${readerWaits}; wc -c; }; echo "\${PIPESTATUS[0]}"`;
  const { stdout } = await execa('bash', ['-c', script], { cwd: root, timeout: 20_000 });
  const [read, ended] = stdout.split('\n').map(Number);
  return { read: read ?? 0, status: ended ?? 0 };
}

it('reaches the reader', async () => {
  expect(await bytesRead(3, '2')).toEqual({ read: bytes, status: 3 });
});

it('does not keep it after a signal', async () => {
  const { read, status } = await bytesRead(130, '5');
  expect(status).toBe(130);
  expect(read).toBeLessThan(bytes);
});
