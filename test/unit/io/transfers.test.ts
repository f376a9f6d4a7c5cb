// Reads and writes of any length: one operation over several commands, its end by a signal and by a detach.

import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import type { SpdkError } from '../../../lib/index.js';
import { BouncePool } from '../../../lib/io/bounce-pool.js';
import { Random } from '../../../scripts/testing/random.js';
import { FakeController, FakeMemory } from './fake.js';
import { codeOf, MiB, setUp, turn } from './set-up.js';

describe('an operation with a plain buffer', () => {
  it('is one operation, however many commands it takes', async () => {
    const { fake, memory, ns, pair, queuePair } = setUp({ bytes: 20 * MiB, depth: 4 });
    const content = new Random(1).bytes(20 * MiB);
    fake.disk.set(content);
    const target = Buffer.alloc(20 * MiB);
    const reading = ns.read(target, { offset: 0 });
    expect(queuePair?.pending).toBe(1);
    await turn();
    expect(pair.commands.length).toBe(4);
    expect(queuePair?.pending).toBe(1);
    await pair.completeAll();
    expect(await reading).toBe(target);
    expect(target.equals(content)).toBe(true);
    expect(pair.sent).toBe(20);
    expect(queuePair?.counts).toEqual({ completed: 1, aborted: 0 });
    expect([queuePair?.pending, pair.pendingWord, memory.pinned]).toEqual([0, 0, 0]);
    expect(memory.most).toBeLessThanOrEqual(4 * MiB);
  });

  it('takes no memory while it waits', async () => {
    const { memory, ns, pair } = setUp({ depth: 4 });
    const reads = Array.from({ length: 200 }, () => ns.read(Buffer.alloc(MiB), { offset: 0 }));
    expect(memory.used).toBe(4 * MiB);
    await pair.completeAll();
    await Promise.all(reads);
    expect(memory.most).toBe(4 * MiB);
    expect(memory.pinned).toBe(0);
  });

  it('writes what was in the buffer at the call, though it waits and the buffer is used again', async () => {
    const { fake, ns, pair } = setUp({ bytes: 16 * MiB, depth: 2 });
    const buffer = Buffer.alloc(5 * MiB);
    const writes: Promise<void>[] = [];
    for (let i = 0; i < 3; i++) {
      buffer.fill(i + 1);
      writes.push(ns.write(buffer, { offset: i * 5 * MiB }));
    }
    const parts = [Buffer.alloc(700, 9), Buffer.alloc(MiB - 700, 10)];
    writes.push(ns.writev(parts, { offset: 15 * MiB }));
    buffer.fill(0xff);
    for (const part of parts) part.fill(0xff);
    structuredClone(buffer.buffer, { transfer: [buffer.buffer as ArrayBuffer] });
    await pair.completeAll();
    await Promise.all(writes);
    for (let i = 0; i < 15 * MiB; i += 4096) expect(fake.disk[i]).toBe(Math.floor(i / (5 * MiB)) + 1);
    expect([fake.disk[15 * MiB], fake.disk[15 * MiB + 699], fake.disk[15 * MiB + 700]]).toEqual([9, 9, 10]);
  });

  it('compares to the last block', async () => {
    const { fake, ns, pair } = setUp({ bytes: 8 * MiB, depth: 2 });
    const same = Buffer.alloc(8 * MiB, 5);
    fake.disk.fill(5);
    const comparing = ns.compare(same, { offset: 0 });
    await pair.completeAll();
    await comparing;
    fake.disk[8 * MiB - 1] = 6;
    const differing = codeOf(ns.compare(same, { offset: 0 }));
    await pair.completeAll();
    expect(await differing).toBe('ERR_SPDK_IO_FAILED');
  });

  it('reads a thousand buffers of odd sizes', async () => {
    const random = new Random(2);
    const sizes = Array.from({ length: 999 }, () => 1 + random.below(9000));
    const sum = sizes.reduce((a, b) => a + b, 0);
    sizes.push(512 - (sum % 512));
    const bytes = Math.ceil(sum / 512) * 512;
    const { fake, ns, pair } = setUp({ bytes: 16 * MiB, depth: 4 });
    fake.disk.set(random.bytes(bytes), 512);
    const targets = sizes.map((size) => Buffer.alloc(size));
    const reading = ns.readv(targets, { offset: 512 });
    await pair.completeAll();
    expect(await reading).toBe(targets);
    expect(
      Buffer.concat(targets).equals(Buffer.from(fake.disk.subarray(512, 512 + sum + (512 - (sum % 512))))),
    ).toBe(true);
    fake.disk.fill(0);
    const writing = ns.writev(targets, { offset: 0 });
    await pair.completeAll();
    await writing;
    const all = Buffer.concat(targets);
    expect(all.equals(Buffer.from(fake.disk.subarray(0, all.length)))).toBe(true);
  });

  it('ends with its first error, when all that was sent has ended, and sends no more', async () => {
    const { fake, memory, ns, pair, queuePair } = setUp({ bytes: 20 * MiB, depth: 4 });
    fake.disk.fill(7);
    let code = '';
    const target = Buffer.alloc(20 * MiB);
    const reading = codeOf(ns.read(target, { offset: 0 })).then((value) => {
      code = value;
    });
    await turn();
    pair.complete(1);
    await turn();
    pair.complete(1, 0x281);
    await turn();
    expect([code, pair.commands.length, queuePair?.pending]).toEqual(['', 3, 1]);
    pair.complete(1, 0x280);
    pair.complete();
    await reading;
    expect(code).toBe('ERR_SPDK_IO_FAILED');
    expect(pair.sent).toBe(5);
    // Data that arrived before the error may be in the buffer, but no data that arrived after it.
    expect([target[0], target[2 * MiB], target[5 * MiB]]).toEqual([7, 0, 0]);
    expect([memory.pinned, queuePair?.pending]).toEqual([0, 0]);
    expect(queuePair?.counts).toEqual({ completed: 1, aborted: 0 });
  });

  it('is cancelled in the middle: settles immediately, and stays pending until its commands have ended', async () => {
    const { memory, ns, pair, queuePair } = setUp({ bytes: 20 * MiB, depth: 4 });
    const abort = new AbortController();
    const target = Buffer.alloc(20 * MiB, 1);
    const reading = codeOf(ns.read(target, { offset: 0, signal: abort.signal }));
    const writing = codeOf(ns.write(Buffer.alloc(20 * MiB), { offset: 0, timeoutMs: 20 }));
    await turn();
    pair.complete(1);
    await turn();
    abort.abort();
    expect(await reading).toBe('ERR_SPDK_ABORTED');
    expect(await writing).toBe('ERR_SPDK_TIMEOUT');
    const cancelled = pair.commands.filter(({ slot }) => pair.canceled(slot));
    expect(cancelled.length).toBe(4);
    // The write was not sent at all.
    expect(queuePair?.pending).toBe(1);
    expect(memory.pinned).toBe(4);
    target.fill(1);
    await pair.completeAll();
    expect(target.every((byte) => byte === 1)).toBe(true);
    expect([queuePair?.pending, memory.pinned, pair.sent]).toEqual([0, 0, 5]);
  });

  it('takes turns with what was started after it', async () => {
    const { ns, pair } = setUp({ bytes: 64 * MiB, depth: 2 });
    const order: string[] = [];
    const long = ns.read(Buffer.alloc(64 * MiB), { offset: 0 }).then(() => order.push('long'));
    const short = ns.read(Buffer.alloc(512), { offset: 0 }).then(() => order.push('short'));
    await turn();
    pair.complete(2);
    await turn();
    pair.complete(2);
    await short;
    expect(pair.sent).toBeLessThan(8);
    await pair.completeAll();
    await long;
    expect(order).toEqual(['short', 'long']);
  });

  it('that writes zeroes in several commands has one time limit and one signal', async () => {
    const { ns, pair, queuePair } = setUp({ bytes: 64 * MiB, depth: 4 });
    const first = ns
      .writeZeroes({ offset: 0, length: 64 * MiB, timeoutMs: 40 })
      .catch((error: SpdkError) => error);
    await turn();
    expect(pair.commands.length).toBe(1);
    pair.complete();
    expect(await first).toMatchObject({
      code: 'ERR_SPDK_TIMEOUT',
      message: expect.stringContaining('40 ms'),
    });
    await pair.completeAll();
    expect([pair.sent, queuePair?.pending]).toEqual([2, 0]);
  });

  it('may wait beyond no limit: with maxWaiting 0 what has room is taken', async () => {
    const { ns, pair } = setUp({ bytes: 8 * MiB, depth: 2, maxWaiting: 0 });
    const long = ns.read(Buffer.alloc(8 * MiB), { offset: 0 });
    expect(await codeOf(ns.read(Buffer.alloc(512), { offset: 0 }))).toBe('ERR_SPDK_QUEUE_FULL');
    await pair.completeAll();
    await long;
  });

  it('has the limit of the attach when it is given none', async () => {
    const { ns, pair, queuePair } = setUp({ ioTimeoutMs: 20 });
    const error = await ns.read(Buffer.alloc(512), { offset: 0 }).catch((rejected: SpdkError) => rejected);
    expect(error).toMatchObject({ code: 'ERR_SPDK_TIMEOUT', message: expect.stringContaining('20 ms') });
    const own = await ns
      .read(Buffer.alloc(512), { offset: 0, timeoutMs: 10 })
      .catch((rejected: SpdkError) => rejected);
    expect(own).toMatchObject({ message: expect.stringContaining('10 ms') });
    const flushing = await codeOf(ns.flush());
    expect(flushing).toBe('ERR_SPDK_TIMEOUT');
    await pair.completeAll();
    expect(queuePair?.pending).toBe(0);
  });
});

describe('an AbortSignal', () => {
  it('has one listener for any number of operations, and none when they have ended', async () => {
    const { ns, pair } = setUp();
    const { signal } = new AbortController();
    const reads = Array.from({ length: 30 }, () => ns.read(Buffer.alloc(512), { offset: 0, signal }));
    expect(getEventListeners(signal, 'abort').length).toBe(1);
    await pair.completeAll();
    await Promise.all(reads);
    expect(getEventListeners(signal, 'abort').length).toBe(0);
  });

  it('ends thousands of operations that wait', async () => {
    const { ns, pair, queuePair } = setUp();
    const abort = new AbortController();
    const { signal } = abort;
    const reads = Array.from({ length: 16_000 }, () =>
      codeOf(ns.read(Buffer.alloc(512), { offset: 0, signal })),
    );
    abort.abort();
    expect(new Set(await Promise.all(reads))).toEqual(new Set(['ERR_SPDK_ABORTED']));
    await pair.completeAll();
    expect(queuePair?.pending).toBe(0);
  });
});

describe('a detach', () => {
  it('gives all memory back, of what waits and of what was sent', async () => {
    const { fake, memory, ns, queuePair } = setUp({ depth: 4, bytes: 16 * MiB });
    const buffers = Array.from({ length: 20 }, () => memory.dma.allocateBuffer(MiB));
    const codes = buffers.map((buffer) => codeOf(ns.read(buffer, { offset: 0 })));
    codes.push(codeOf(ns.write(Buffer.alloc(16 * MiB), { offset: 0 })));
    await turn();
    const detached = fake.controller.detach({ drainMs: 0 });
    for (const buffer of buffers) buffer.release();
    fake.finishDetach();
    const report = await detached;
    expect(report).toMatchObject({ completed: 0, aborted: 21 });
    expect((await Promise.all(codes)).every((code) => code !== 'none')).toBe(true);
    expect([memory.pinned, queuePair?.pending]).toEqual([0, 0]);
    expect(memory.used).toBeLessThanOrEqual(4 * MiB);
  });

  it('that does not return keeps what SPDK may use, and gives the rest back', async () => {
    const memory = new FakeMemory(8 * MiB);
    const pool = new BouncePool(memory.dma, 4 * MiB);
    const stuck = new FakeController(memory, { depth: 1, pool });
    const other = new FakeController(memory, { depth: 8, pool });
    const dma = [memory.dma.allocateBuffer(512), memory.dma.allocateBuffer(512)];
    const [queuePair] = stuck.controller.queuePairs;
    const codes = [codeOf(stuck.ns.read(Buffer.alloc(MiB), { offset: 0 }))];
    codes.push(...dma.map((buffer) => codeOf(stuck.ns.read(buffer, { offset: 0 }))));
    await turn();
    expect(await codeOf(stuck.controller.detach({ drainMs: 0, timeoutMs: 20 }))).toBe('ERR_SPDK_WEDGED');
    expect(await Promise.all(codes)).toEqual(new Array(3).fill('ERR_SPDK_WEDGED'));
    expect([memory.pinned, queuePair?.pending]).toEqual([1, 0]);
    // Operations of other controllers do not wait for the memory that the wedged one has lost.
    const reads = Array.from({ length: 8 }, () => other.ns.read(Buffer.alloc(MiB), { offset: 0 }));
    await other.pair.completeAll();
    await Promise.all(reads);
    stuck.pair.complete();
    expect([memory.pinned, queuePair?.pending]).toEqual([0, 0]);
    expect(queuePair?.pending).toBe(0);
  });

  it('takes what has completed by its end for what it is', async () => {
    const { fake, ns, pair } = setUp({ depth: 4 });
    const reads = [0, 1].map(() => codeOf(ns.read(Buffer.alloc(512), { offset: 0 })));
    await turn();
    const detached = fake.controller.detach({ drainMs: 0 });
    pair.completeUnheard(1);
    fake.finishDetach();
    expect(await detached).toMatchObject({ completed: 1, aborted: 1 });
    expect(await Promise.all(reads)).toEqual(['none', 'ERR_SPDK_IO_FAILED']);
  });

  it('that does not return leaves others no memory to wait for', async () => {
    const memory = new FakeMemory(8 * MiB);
    const pool = new BouncePool(memory.dma, MiB);
    const stuck = new FakeController(memory, { pool });
    const other = new FakeController(memory, { pool });
    const lost = codeOf(stuck.ns.read(Buffer.alloc(MiB), { offset: 0 }));
    const waiting = other.ns.read(Buffer.alloc(MiB), { offset: 0 });
    await turn();
    expect(other.pair.sent).toBe(0);
    await codeOf(stuck.controller.detach({ drainMs: 0, timeoutMs: 20 }));
    expect(await lost).toBe('ERR_SPDK_WEDGED');
    await other.pair.completeAll();
    await waiting;
  });
});
