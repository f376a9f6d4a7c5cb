// The memory of streams: how much of it, and what is left for others.

import { describe, expect, it } from 'vitest';
import { regionOf } from '../../../lib/io/dma-memory.js';
import { StagePool } from '../../../lib/streams/stages.js';
import type { StreamPlan } from '../../../lib/streams/stream-options.js';
import { FakeMemory } from './fake.js';

const MiB = 1 << 20;

function plan(end: number): StreamPlan {
  return {
    start: 0,
    end,
    chunkBytes: MiB,
    concurrency: 2,
    flush: false,
    reuseAfterChunks: undefined,
    each: { queuePair: undefined, timeoutMs: undefined, onTimeout: undefined },
    signals: [],
  };
}

describe('the buffers of a stream', () => {
  it('are no longer than its range', async () => {
    const memory = new FakeMemory(16 * MiB);
    const pool = new StagePool(memory.dma, plan(700), 2);
    expect((await pool.take()).byteLength).toBe(700);
    expect(memory.used).toBe(700);
    pool.close();
    expect(memory.used).toBe(0);
  });

  it('leave the memory beyond their part to others, and are ordinary memory then', async () => {
    const memory = new FakeMemory(16 * MiB, 3 * MiB);
    const pools = [1, 2].map(() => new StagePool(memory.dma, plan(100 * MiB), 2));
    const stages = await Promise.all(pools.flatMap((pool) => [pool.take(), pool.take()]));
    expect(stages.map((stage) => regionOf(stage) !== undefined)).toEqual([true, true, true, false]);
    expect(memory.used).toBe(3 * MiB);
    for (const pool of pools) pool.close();
    expect(memory.used).toBe(0);
    const later = await new StagePool(memory.dma, plan(100 * MiB), 2).take();
    expect(regionOf(later)).toBeDefined();
  });
});
