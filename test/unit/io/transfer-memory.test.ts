// The memory that the data of transfers is copied through.

import { describe, expect, it } from 'vitest';
import { BouncePool } from '../../../lib/io/bounce-pool.js';
import { FakeController, FakeMemory } from './fake.js';
import { codeOf, MiB, setUp, turn } from './set-up.js';

describe('memory that data is copied through', () => {
  it('is awaited in order while other operations will return it, and rejected otherwise', async () => {
    const memory = new FakeMemory(4 * MiB);
    const pool = new BouncePool(memory.dma, 32 * MiB);
    const [one, two] = [0, 1].map(() => new FakeController(memory, { depth: 8, pool, bytes: 16 * MiB }));
    if (!one || !two) return;
    const done: string[] = [];
    const start = (name: string, { ns }: FakeController) =>
      ns.read(Buffer.alloc(MiB), { offset: 0 }).then(() => done.push(name));
    const reads = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => start(name, one));
    reads.push(start('x', two), start('y', two));
    await turn();
    expect([one.pair.commands.length, two.pair.commands.length]).toEqual([4, 0]);
    one.pair.complete(1);
    await turn();
    one.pair.complete(1);
    await turn();
    // The queue pairs get memory in turn: the second controller sends its second command after the last one of the first.
    expect([one.pair.sent, two.pair.sent]).toEqual([5, 1]);
    while (one.pair.commands.length + two.pair.commands.length > 0) {
      one.pair.complete();
      two.pair.complete();
      await turn();
    }
    await Promise.all(reads);
    expect(done.length).toBe(8);
    expect(memory.pinned).toBe(0);
    // The program has all of the memory, so no operation will return any that others could wait for.
    const all = [memory.dma.allocateBuffer(2 * MiB), memory.dma.allocateBuffer(2 * MiB)];
    expect(await codeOf(one.ns.read(Buffer.alloc(512), { offset: 0 }))).toBe('ERR_SPDK_NO_MEMORY');
    expect(await codeOf(one.ns.write(Buffer.alloc(16 * MiB), { offset: 0 }))).toBe('ERR_SPDK_NO_MEMORY');
    expect(one.controller.queuePairs[0]?.pending).toBe(0);
    for (const buffer of all) buffer.release();
    const later = one.ns.read(Buffer.alloc(512), { offset: 0 });
    await one.pair.completeAll();
    await later;
  });

  it('is cut anew for other sizes, within its limit', async () => {
    const memory = new FakeMemory(64 * MiB);
    const pool = new BouncePool(memory.dma, 4 * MiB);
    const fake = new FakeController(memory, { depth: 2048, pool });
    const buffer = Buffer.alloc(MiB);
    for (const size of [4096, MiB, 512, 65_536, MiB]) {
      const reads = Array.from({ length: 1100 }, () => fake.ns.read(buffer.subarray(0, size), { offset: 0 }));
      await fake.pair.completeAll();
      await Promise.all(reads);
    }
    expect(memory.most).toBeLessThanOrEqual(4 * MiB);
  });

  it('is not all held by one controller that hangs', async () => {
    const memory = new FakeMemory(64 * MiB);
    const pool = new BouncePool(memory.dma, 16 * MiB);
    const hanging = new FakeController(memory, { depth: 128, pool });
    const other = new FakeController(memory, { depth: 128, pool });
    const stuck = Array.from({ length: 100 }, () =>
      codeOf(hanging.ns.read(Buffer.alloc(MiB), { offset: 0 })),
    );
    await turn();
    const reads = Array.from({ length: 10 }, () => other.ns.read(Buffer.alloc(MiB), { offset: 0 }));
    await other.pair.completeAll();
    await Promise.all(reads);
    await hanging.pair.completeAll();
    await Promise.all(stuck);
  });

  it('gives way to the buffers of the program', () => {
    const { memory, ns, pair } = setUp({}, 4 * MiB);
    void ns.read(Buffer.alloc(MiB), { offset: 0 });
    void ns.read(Buffer.alloc(MiB), { offset: 0 });
    ns.controller.queuePairs[0]?.publish();
    pair.complete();
    expect(memory.used).toBe(2 * MiB);
    memory.dma.allocateBuffer(4 * MiB).release();
    expect(memory.used).toBe(0);
  });

  it('shows a raw command nothing of another operation', async () => {
    const { fake, ns, pair } = setUp();
    fake.disk.fill(0x5a);
    const secret = ns.read(Buffer.alloc(4096), { offset: 0 });
    await pair.completeAll();
    await secret;
    // The controller sends less data than the buffer has room for.
    fake.onRaw = (data) => data.fill(1, 0, 16);
    const data = Buffer.alloc(4096, 0xff);
    const raw = ns.raw({ opcode: 0x82, data });
    await pair.completeAll();
    await raw;
    expect(data.every((byte, i) => byte === (i < 16 ? 1 : 0))).toBe(true);
    // A command with data in both directions sends the caller's data.
    let sent = 0;
    fake.onRaw = (bytes) => {
      sent = bytes[100] as number;
      bytes[100] = 4;
    };
    data.fill(3);
    const both = ns.raw({ opcode: 0x83, data });
    await pair.completeAll();
    await both;
    expect([sent, data[100], data[101]]).toEqual([3, 4, 3]);
  });

  it('takes no data for a raw command whose opcode transfers none', async () => {
    const { ns } = setUp();
    await expect(ns.raw({ opcode: 0x80, data: Buffer.alloc(512) })).rejects.toMatchObject({
      code: 'ERR_SPDK_CONFLICTING_OPTIONS',
    });
  });
});
