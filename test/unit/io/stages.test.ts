// The memory of streams: how much of it, and what is left for others.

import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { SpdkError } from '../../../lib/index.js';
import { regionOf } from '../../../lib/io/dma-memory.js';
import { StagePool } from '../../../lib/streams/stages.js';
import type { StreamPlan } from '../../../lib/streams/stream-options.js';
import { FakeMemory } from './fake.js';
import { setUp } from './set-up.js';

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

  it('of writes that timed out get nothing else, since the controller may still carry these out', async () => {
    const { fake, ns, pair } = setUp();
    const errors: string[] = [];
    const stream = ns.createWriteStream({ chunkBytes: 4096, concurrency: 1, timeoutMs: 20 });
    stream.on('error', (error) => errors.push(codeOfError(error)));
    stream.write(Buffer.alloc(3 * 4096, 'a').fill('b', 4096), (error) =>
      errors.push(error ? codeOfError(error) : 'none'),
    );
    await sleep(60);
    expect(errors).toEqual(['ERR_SPDK_TIMEOUT', 'ERR_SPDK_TIMEOUT']);
    expect(pair.commands.map(({ block }) => block)).toEqual([0]);
    pair.complete();
    expect(Buffer.from(fake.disk.subarray(0, 4096)).equals(Buffer.alloc(4096, 'a'))).toBe(true);
    expect(fake.disk.subarray(4096).every((byte) => byte === 0)).toBe(true);
  });
});

const codeOfError = (error: Error): string => (error as SpdkError).code;
