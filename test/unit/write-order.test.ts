// Overlapping writes, over several paths and of parts of a block: each waits for the earlier ones, and any number for one block.

import { expect, it } from 'vitest';
import type { IoRequest } from '../../lib/io/request.js';
import { WriteOrder } from '../../lib/io/write-order.js';
import { Failover } from '../../lib/multipath/failover.js';
import { RangeLock } from '../../lib/streams/range-lock.js';
import { simulatedDisk } from './memory/simulated-disk.js';
import { Random } from './random.js';

const disk = simulatedDisk();
const owner = { retry: () => false, settled: () => {} };

interface Write {
  readonly failover: Failover;
  readonly first: number;
  readonly end: number;
  state: 'waiting' | 'sent' | 'ended';
}

it('a write is sent when no earlier one of the same blocks is open, whatever is cancelled meanwhile', () => {
  for (let seed = 0; seed < 300; seed++) {
    const random = new Random(seed);
    const order = new WriteOrder<Failover>();
    const writes: Write[] = [];
    const isFree = ({ first, end }: Write, at: number) =>
      writes.slice(0, at).every((one) => one.state === 'ended' || one.first >= end || first >= one.end);
    for (let step = 0; step < 60; step++) {
      const open = writes.filter(({ state }) => state !== 'ended');
      if (open.length === 0 || random.below(5) < 3) {
        const first = random.below(8);
        const end = first + 1 + random.below(6);
        const request = { position: first * 512, length: (end - first) * 512 } as IoRequest;
        const write: Write = { failover: new Failover(owner, request), first, end, state: 'waiting' };
        writes.push(write);
        if (order.enter(write.failover)) write.state = 'sent';
      } else {
        const one = random.pick(open);
        one.state = 'ended';
        const next = order.leave(one.failover);
        for (const write of writes.filter(({ failover }) => next.includes(failover))) {
          expect(write.state, `seed ${seed}`).toBe('waiting');
          write.state = 'sent';
        }
      }
      const waiting = writes.flatMap((one, at) => (isFree(one, at) || one.state === 'ended' ? [] : [at]));
      const waits = writes.flatMap(({ state }, at) => (state === 'waiting' ? [at] : []));
      expect(waits, `seed ${seed}, step ${step}`).toEqual(waiting);
      expect(order.waiting).toBe(waits.length);
    }
  }
});

it('thousands of writes of one block wait for a path, and end with their subsystem', async () => {
  const subsystem = await disk.env.attachSubsystem([disk.subsystem.id]);
  const [namespace] = subsystem.namespaces;
  disk.target.rejection = { code: 'ERR_SPDK_UNREACHABLE', message: 'gone' };
  const down = new Promise((resolve) => subsystem.once('pathDown', resolve));
  disk.target.dropLinks();
  await down;
  const begun = performance.now();
  const writes = Array.from({ length: 16_000 }, () => namespace?.write(Buffer.alloc(512), { offset: 0 }));
  const outcomes = Promise.allSettled(writes);
  // Each compared with all others took half a minute, and a gigabyte.
  expect(performance.now() - begun).toBeLessThan(5_000);
  await subsystem.detach();
  for (const outcome of await outcomes)
    expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'ERR_SPDK_DETACHING' } });
});

it('thousands of writers of one block of a file take turns, without those that gave up', async () => {
  const lock = RangeLock.of({});
  const stop = new AbortController();
  const begun = performance.now();
  const done: number[] = [];
  const writers = Array.from({ length: 10_000 }, (_, i) => {
    const signal = i % 10 === 5 ? stop.signal : undefined;
    return lock.hold(0, 512, { what: 'Writing', timeoutMs: undefined, signal }, async () => done.push(i));
  });
  stop.abort();
  const outcomes = await Promise.allSettled(writers);
  // Each waited for all others, which took half a minute, and gigabytes.
  expect(performance.now() - begun).toBeLessThan(5_000);
  expect(done).toEqual(Array.from({ length: 10_000 }, (_, i) => i).filter((i) => i % 10 !== 5));
  expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(1_000);
});
