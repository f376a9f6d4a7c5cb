// Commands of a batch by their names, and its completions in a loop.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Batch } from '../../lib/batch.js';
import type { BatchCompletion, Controller, DmaBuffer, Namespace } from '../../lib/index.js';
import type { CompletionSink } from '../../lib/io/ring.js';
import type { SubmissionQueue } from '../../lib/io/submission-queue.js';
import { useAddon } from '../../lib/native/addon.js';
import { type Fixture, makeFixture } from './memory/fixture.js';

let fixture: Fixture;
let controller: Controller;
let ns: Namespace;
let batch: Batch;
let buffer: DmaBuffer;

beforeEach(async () => {
  fixture = await makeFixture();
  fixture.disk('a');
  controller = await fixture.attach('a', { queueDepth: 8 });
  ns = controller.namespaces[0] as Namespace;
  batch = controller.queuePairs[0]?.openBatch() as Batch;
  buffer = fixture.env.allocate(4096);
});
afterEach(async () => {
  batch.close({ discard: true });
  await fixture.env.close();
  expect(fixture.addon.violations.list).toEqual([]);
  useAddon(undefined);
});

async function all(loop: AsyncIterable<BatchCompletion>): Promise<BatchCompletion[]> {
  const completions: BatchCompletion[] = [];
  for await (const completion of loop) completions.push(completion);
  return completions.sort((a, b) => a.tag - b.tag);
}

/** Sends the commands, and waits until the target has completed them all. */
async function submitAndComplete(): Promise<void> {
  batch.submit();
  await vi.waitFor(() => expect(fixture.addon.scheduler.pending).toBe(0));
}

describe('commands by their names', () => {
  it('do what the positional ones do, with defaults for what is left out', async () => {
    buffer.fill(7);
    expect(batch.write({ namespace: ns, buffer, offset: 512, tag: 1 })).toBe(true);
    expect(batch.flush({ namespace: ns, tag: 2 })).toBe(true);
    await all(batch);
    const data = fixture.target.subsystems.get('nqn.2026-01.io.spdk:a')?.namespaces.get(1)?.data;
    expect(data?.subarray(511, 513)).toEqual(new Uint8Array([0, 7]));
    expect(data?.subarray(512 + 4095, 512 + 4097)).toEqual(new Uint8Array([7, 0]));
    batch.read({ namespace: ns, buffer, bufferOffset: 1024, offset: 0, length: 512 });
    expect(await all(batch)).toEqual([{ tag: 0, error: undefined }]);
    expect([buffer[1023], buffer[1024], buffer[1536]]).toEqual([7, 0, 7]);
  });

  it('say that the queue is full', () => {
    const read = (tag: number) =>
      batch.read({ namespace: ns, buffer, offset: 0, bufferOffset: tag * 512, length: 512, tag });
    expect(Array.from({ length: 9 }, (_, tag) => tag < 8 && read(tag))).toEqual([
      ...new Array(8).fill(true),
      false,
    ]);
    expect(batch.flush({ namespace: ns })).toBe(false);
  });

  it.each<[string, () => unknown]>([
    ['ERR_SPDK_UNKNOWN_OPTION', () => batch.read({ namespace: ns, buffer, offset: 0, size: 512 } as never)],
    ['ERR_SPDK_UNKNOWN_OPTION', () => batch.flush({ namespace: ns, offset: 0 } as never)],
    ['ERR_SPDK_INVALID_ARG_TYPE', () => batch.read({ buffer, offset: 0 } as never)],
    ['ERR_SPDK_INVALID_ARG_TYPE', () => batch.read({ namespace: ns, buffer } as never)],
    ['ERR_SPDK_INVALID_ARG_TYPE', () => batch.read(ns as never)],
    ['ERR_SPDK_INVALID_ARG_VALUE', () => batch.read(ns, buffer, 0, 0, 512, undefined as never)],
    ['ERR_SPDK_INVALID_ARG_VALUE', () => batch.write({ namespace: ns, buffer, offset: 0, tag: -1 })],
    ['ERR_SPDK_INVALID_ARG_VALUE', () => batch.write({ namespace: ns, buffer, offset: 0, bufferOffset: -1 })],
    ['ERR_SPDK_INVALID_BUFFER', () => batch.write({ namespace: ns, buffer, offset: 0, bufferOffset: 4096 })],
    [
      'ERR_SPDK_INVALID_BUFFER',
      () => batch.write({ namespace: ns, buffer: Buffer.alloc(512) as never, offset: 0 }),
    ],
    ['ERR_SPDK_UNALIGNED', () => batch.write({ namespace: ns, buffer, offset: 1 })],
    ['ERR_SPDK_UNALIGNED', () => batch.write({ namespace: ns, buffer, offset: 2 ** 52 + 1 })],
    ['ERR_SPDK_OUT_OF_RANGE', () => batch.write({ namespace: ns, buffer, offset: ns.bytes })],
  ])('say %s (%#)', (code, call) => {
    expect(call).toThrow(expect.objectContaining({ code }));
    expect(batch.outstanding).toBe(0);
  });

  it('are checked each, also when the last one was for the same', async () => {
    const read = (namespace: Namespace, into: DmaBuffer, length = 512) =>
      batch.read({ namespace, buffer: into, offset: 0, length });
    const invalid = expect.objectContaining({ code: 'ERR_SPDK_INVALID_BUFFER' });
    expect(read(ns, buffer)).toBe(true);
    expect(() => read(ns, Buffer.alloc(4096) as never)).toThrow(invalid);
    const part = buffer.subarray(1024, 2048) as DmaBuffer;
    expect(read(ns, part, 1024)).toBe(true);
    expect(() => read(ns, part, 2048)).toThrow(invalid);

    fixture.disk('b');
    const other = await fixture.attach('b');
    const foreign = expect.objectContaining({ code: 'ERR_SPDK_FOREIGN_NAMESPACE' });
    expect(() => read(other.namespaces[0] as Namespace, part)).toThrow(foreign);
    expect(read(ns, part)).toBe(true);

    const moved = fixture.env.allocate(4096);
    expect(read(ns, moved)).toBe(true);
    structuredClone(moved.buffer, { transfer: [moved.buffer] });
    expect(() => read(ns, moved)).toThrow(invalid);

    expect(read(ns, buffer)).toBe(true);
    buffer.release();
    expect(() => read(ns, buffer)).toThrow(invalid);
  });
});

describe('completions in a loop', () => {
  it('come once each, with their errors decoded, also of commands that the loop describes', async () => {
    for (let tag = 0; tag < 4; tag++) batch.flush({ namespace: ns, tag });
    fixture.target.failCommands({ sct: 2, sc: 0x81, command: 'read' });
    const seen: number[] = [];
    for await (const { tag, error } of batch.completions({ timeoutMs: 5_000 })) {
      seen.push(tag);
      if (tag < 4)
        batch.read({ namespace: ns, buffer, bufferOffset: tag * 512, offset: 0, length: 512, tag: 10 + tag });
      if (error) expect([tag, error]).toEqual([10, expect.objectContaining({ code: 'ERR_SPDK_IO_FAILED' })]);
      if (error) expect(error.nvmeStatus).toMatchObject({ sct: 2, sc: 0x81 });
    }
    expect(seen.sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 10, 11, 12, 13]);
    expect(await all(batch)).toEqual([]);
  });

  it('are left to the next loop by one that ends early', async () => {
    for (let tag = 0; tag < 4; tag++) batch.flush(ns, tag);
    for await (const { tag } of batch) {
      expect(tag).toBe(0);
      break;
    }
    expect((await all(batch)).map(({ tag }) => tag)).toEqual([1, 2, 3]);
  });

  it('are left to reap() and wait() by a loop that ends early, and are outstanding until then', async () => {
    for (let tag = 0; tag < 4; tag++) batch.flush(ns, tag);
    await submitAndComplete();
    for await (const _ of batch) break;
    expect(batch.outstanding).toBe(3);
    const waiting = batch.wait();
    expect([await waiting, ...batch.tags.subarray(0, 3)]).toEqual([3, 1, 2, 3]);
    expect([batch.outstanding, batch.reap(), await batch.wait()]).toEqual([0, 0, 0]);
  });

  it('are given to a call of wait() that a loop finds waiting when it ends early', async () => {
    for (let tag = 0; tag < 3; tag++) batch.flush(ns, tag);
    await submitAndComplete();
    fixture.target.silent = true;
    batch.flush(ns, 3);
    const loop = batch.completions();
    expect(await loop.next()).toMatchObject({ value: { tag: 0 } });
    const waiting = batch.wait();
    await loop.return();
    const count = await waiting;
    expect([...batch.tags.subarray(0, count)]).toEqual([1, 2]);
    fixture.target.silent = false;
    expect([await batch.wait(), batch.tags[0]]).toEqual([1, 3]);
  });

  it('are left to the next loop by one that is left while it waits', async () => {
    fixture.target.silent = true;
    batch.flush(ns, 1);
    const loop = batch.completions();
    const waiting = loop.next();
    await new Promise(setImmediate);
    expect(await loop.return()).toEqual({ done: true, value: undefined });
    expect(await waiting).toEqual({ done: true, value: undefined });
    fixture.target.silent = false;
    expect(await all(batch)).toEqual([{ tag: 1, error: undefined }]);
  });

  it('end with a code when the time is over or the controller is gone', async () => {
    fixture.target.silent = true;
    batch.flush(ns, 1);
    await expect(all(batch.completions({ timeoutMs: 10 }))).rejects.toMatchObject({
      code: 'ERR_SPDK_TIMEOUT',
    });
    const waiting = all(batch);
    const detaching = controller.detach({ drainMs: 0, timeoutMs: 1_000 });
    const outcome = await waiting.catch((error) => error.code);
    expect(outcome).toEqual([{ tag: 1, error: expect.objectContaining({ code: 'ERR_SPDK_IO_FAILED' }) }]);
    fixture.target.silent = false;
    await detaching;
  });
});

/** A queue that only passes commands on to a ring. */
const queueOf = (ring: object) => {
  const nothing = () => {};
  const calls = {
    count: nothing,
    publish: nothing,
    resumePolling: nothing,
    batchAwaits: nothing,
    reap: nothing,
  };
  return { ring, limits: {}, counts: {}, atOnce: 0, ...calls } as unknown as SubmissionQueue;
};

describe('wait() in a loop lets the event loop turn where completions are always there', () => {
  const sent: number[] = [];
  const ring = {
    capacity: 8,
    free: 8,
    take: () => 0,
    describe: () => {},
    push: (slot: number) => sent.push(slot),
    poll: () => {},
    reap: (sink: CompletionSink) => {
      for (const slot of sent.splice(0)) sink.complete(slot, 0, 0);
    },
    dropUnpublished: () => {},
  };
  const hooks = { owns: () => true, rejection: () => undefined, closed: () => {} };
  const flushed = async (batch: Batch): Promise<void> => {
    batch.flush(ns, 0);
    batch.submit();
    expect(await batch.wait()).toBe(1);
  };
  const queue = queueOf(ring);
  const always = Batch.create(queue, hooks);

  it.each<[string, () => Promise<unknown>]>([
    ['in one batch', () => flushed(always)],
    ['and is called until nothing is outstanding', () => flushed(always).then(() => always.wait())],
    [
      'in a batch for each group of commands',
      async () => {
        using batch = Batch.create(queue, hooks);
        await flushed(batch);
      },
    ],
  ])('%s', async (_, group) => {
    let turned = false;
    setImmediate(() => {
      turned = true;
    });
    let groups = 0;
    for (; !turned && groups < 1_000; groups++) await group();
    expect(turned).toBe(true);
    expect(groups).toBeLessThan(100);
  });
});

it('wait() called again before an earlier call has read its completions leaves them to it', async () => {
  const sent: number[] = [];
  let slots = 0;
  const ring = {
    capacity: 8,
    free: 8,
    take: () => slots++,
    describe: () => {},
    push: (slot: number) => sent.push(slot),
    poll: () => {},
    reap: (sink: CompletionSink) => {
      const slot = sent.shift();
      if (slot !== undefined) sink.complete(slot, 0, 0);
    },
    dropUnpublished: () => {},
  };
  const hooks = { owns: () => true, rejection: () => undefined, closed: () => {} };
  const slowly = Batch.create(queueOf(ring), hooks);
  const read = async () => [...slowly.tags.subarray(0, await slowly.wait())];
  // As a completion loop does.
  const loop = setInterval(() => slowly.wake(), 1);
  for (const tag of [11, 12, 13]) slowly.flush(ns, tag);
  slowly.submit();
  expect(await Promise.all([read(), read(), read(), read()])).toEqual([[11], [12], [13], []]);
  // Two calls wait, and are woken in one turn.
  const both = [read(), read()];
  expect(await Promise.all(both)).toEqual([[], []]);
  for (const tag of [14, 15]) slowly.flush(ns, tag);
  const held = sent.splice(0);
  const waiting = [read(), read()];
  sent.push(...held);
  slowly.wake();
  slowly.wake();
  expect(await Promise.all(waiting)).toEqual([[14], [15]]);
  clearInterval(loop);
});
