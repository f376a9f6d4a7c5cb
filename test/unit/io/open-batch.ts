// What the tests of batches share.

import type { Batch, SpdkError } from '../../../lib/index.js';
import type { FakeOptions } from './fake.js';
import { setUp } from './set-up.js';

export const thrown = (run: () => unknown): string => {
  try {
    run();
    return 'none';
  } catch (error) {
    return (error as SpdkError).code ?? String(error);
  }
};

/** A controller with one queue pair, and a batch of it. */
export function openBatch(options: FakeOptions = {}) {
  const set = setUp({ depth: 8, ...options });
  const batch = set.queuePair?.openBatch() as Batch;
  const buffer = set.memory.dma.allocateBuffer(4096);
  const reads = (...tags: number[]) => {
    for (const tag of tags) batch.read(set.ns, buffer, 0, 0, 512, tag);
    batch.submit();
  };
  return { ...set, batch, buffer, reads };
}
