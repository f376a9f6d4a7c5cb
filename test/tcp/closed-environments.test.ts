// What is left of environments that are closed.

import { readdirSync } from 'node:fs';
import { expect, it } from 'vitest';
import { Environment } from '../../lib/index.js';
import { ensureHugepages } from '../../scripts/target/hugepages.js';

async function openAndClose(): Promise<Environment> {
  const env = await Environment.init({ memoryMb: 64, pollers: 4 });
  await env.close();
  return env;
}

it('they hold no descriptors and no threads, also while a program holds them', async () => {
  ensureHugepages(64);
  const count = () => ['/proc/self/fd', '/proc/self/task'].map((folder) => readdirSync(folder).length);
  // The first one starts what is kept for the process.
  const held = [await openAndClose()];
  const before = count();
  for (let i = 0; i < 10; i++) held.push(await openAndClose());
  // A thread that joins another one continues a moment before the kernel removes that one from this list: there may have been more
  // before, but what each environment leaves is ten of a kind.
  const grown = () => count().map((now, i) => Math.max(0, now - (before[i] ?? 0)));
  await expect.poll(grown, { timeout: 10_000 }).toEqual([0, 0]);
  expect(held.every(({ closed }) => closed)).toBe(true);
});
