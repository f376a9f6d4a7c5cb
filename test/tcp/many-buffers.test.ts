// Many DMA buffers leave no gaps behind that every later allocation would have to search.

import { afterAll, beforeAll, expect, it } from 'vitest';
import { type DmaBuffer, Environment } from '../../lib/index.js';
import { ensureHugepages } from '../../scripts/target/hugepages.js';
import { expectBufferLimit } from '../support/buffer-limit.js';

const count = 1_000;

let env: Environment;

beforeAll(async () => {
  ensureHugepages(320);
  env = await Environment.init({ memoryMb: 320 });
});
afterAll(() => env?.close());

/** Bytes of free pieces of the heap, other than the largest one. */
function scattered(): number {
  const { totalBytes, usedBytes, largestFreeBytes } = env.stats().memory;
  return totalBytes - usedBytes - largestFreeBytes;
}

it.each([1, 512, 3_968, 3_969, 4_096, 5_000, 12_288])('a thousand buffers of %i bytes', (bytes) => {
  const before = scattered();
  const buffers: DmaBuffer[] = [];
  for (let i = 0; i < count; i++) buffers.push(env.allocate(bytes));
  const between = scattered() - before;
  for (const buffer of buffers) buffer.release();
  // Before the first one there may be something.
  expect(between).toBeLessThan(4 * 4_096);
});

it('as many as there can be, and what to do about one more', { timeout: 60_000 }, async () => {
  const before = env.stats().memory.ownBuffers;
  expectBufferLimit(env, 65_536);
  expect(env.stats().memory.ownBuffers).toBe(before);
});
