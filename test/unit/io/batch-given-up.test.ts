import { describe, expect, it } from 'vitest';
import type { Batch } from '../../../lib/index.js';
import { openBatch, thrown } from './open-batch.js';
import { codeOf, turn } from './set-up.js';

describe('beside commands that were given up', () => {
  const giveUp = async ({ ns, queuePair }: ReturnType<typeof openBatch>, count: number) => {
    const abort = new AbortController();
    const { signal } = abort;
    const reads = Array.from({ length: count }, () =>
      codeOf(ns.read(Buffer.alloc(512), { offset: 0, queuePair, signal })),
    );
    await turn();
    abort.abort();
    return await Promise.all(reads);
  };

  it('a batch is opened at once, and hears only of its own', async () => {
    const set = openBatch();
    const { memory, fake, pair, queuePair, buffer, ns } = set;
    set.batch.close();
    expect(await giveUp(set, 3)).toEqual(Array(3).fill('ERR_SPDK_ABORTED'));
    const batch = queuePair?.openBatch() as Batch;
    for (const tag of [1, 2]) batch.read(ns, buffer, 0, 0, 512, tag);
    const waiting = batch.wait();
    expect([batch.outstanding, queuePair?.pending]).toEqual([2, 5]);
    pair.complete(4);
    expect([await waiting, batch.tags[0], batch.outstanding, queuePair?.pending]).toEqual([1, 1, 1, 1]);
    // Also when its program does not ask for its completions: the memory of the others is free again.
    batch.close({ discard: true });
    const next = queuePair?.openBatch() as Batch;
    next.read(ns, buffer, 0, 0, 512, 3);
    next.submit();
    pair.complete();
    expect([memory.pinned, queuePair?.pending, next.outstanding]).toEqual([0, 0, 1]);
    expect([next.reap(), next.tags[0]]).toEqual([1, 3]);
    next.close();
    expect(fake.controller.queuePairs[0]?.pending).toBe(0);
  });

  it('wait() waits for a place where they have all', async () => {
    const set = openBatch({ depth: 4 });
    const { pair, queuePair, buffer, ns } = set;
    set.batch.close();
    await giveUp(set, 4);
    const batch = queuePair?.openBatch() as Batch;
    expect(batch.read(ns, buffer, 0, 0, 512, 1)).toBe(false);
    expect(await codeOf(batch.wait({ timeoutMs: 20 }))).toBe('ERR_SPDK_TIMEOUT');
    const waits = [batch.wait(), batch.wait()];
    pair.complete(1);
    expect(await Promise.all(waits)).toEqual([0, 0]);
    expect(batch.read(ns, buffer, 0, 0, 512, 1)).toBe(true);
    const waiting = batch.wait();
    pair.complete();
    expect([await waiting, batch.tags[0]]).toEqual([1, 1]);
    batch.close();
  });

  it('what was cancelled in the same turn does not send what the batch only describes', async () => {
    const { batch: first, pair, queuePair, buffer, ns } = openBatch();
    first.close();
    const abort = new AbortController();
    const reading = codeOf(ns.read(Buffer.alloc(512), { offset: 0, queuePair, signal: abort.signal }));
    abort.abort();
    const batch = queuePair?.openBatch() as Batch;
    batch.read(ns, buffer, 0, 0, 512, 1);
    expect(await reading).toBe('ERR_SPDK_ABORTED');
    await turn();
    expect(pair.sent).toBe(1);
    batch.close();
    await pair.completeAll();
    expect(queuePair?.pending).toBe(0);
  });

  it('none is opened beside operations that are waited for', async () => {
    const set = openBatch();
    set.batch.close();
    const reading = set.ns.read(Buffer.alloc(512), { offset: 0 });
    expect(thrown(() => set.queuePair?.openBatch())).toBe('ERR_SPDK_QUEUE_IN_USE');
    await set.pair.completeAll();
    await reading;
  });
});
