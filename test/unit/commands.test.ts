// Flags of reads and writes, Write Uncorrectable, and Compare and Write as one operation. Longer than other files: all use
// one fixture.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Namespace, QueuePair, SpdkError } from '../../lib/index.js';
import { Ring } from '../../lib/io/ring.js';
import { simulatedDisk } from './memory/simulated-disk.js';

const disk = simulatedDisk();
let ns: Namespace;

beforeEach(async () => {
  ns = (await disk.env.attach(disk.subsystem.id, { ctrlrLossTimeoutMs: 1_000 })).namespaces[0] as Namespace;
});
afterEach(() => void vi.restoreAllMocks());

const block = (text: string) => Buffer.alloc(512, text);
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'none',
    ({ code }: SpdkError) => code,
  );

describe('fua and limitedRetry', () => {
  const flagsOf = async (send: () => Promise<unknown>): Promise<number> => {
    const described = vi.spyOn(Ring.prototype, 'describe');
    await send();
    return described.mock.calls[0]?.[9] as number;
  };

  it.each([
    [{}, 0],
    [{ fua: true }, 0x4000_0000],
    [{ limitedRetry: true }, 0x8000_0000],
    [{ fua: true, limitedRetry: true }, 0xc000_0000],
    [{ fua: false, limitedRetry: undefined }, 0],
  ])('%j', async (options, flags) => {
    expect(await flagsOf(() => ns.write(block('x'), { offset: 0, ...options }))).toBe(flags);
    expect(await flagsOf(() => ns.readv([block(''), block('')], { offset: 0, ...options }))).toBe(flags);
  });

  it('are those of a command of a batch, too, which names its arguments', async () => {
    using batch = (ns.controller.queuePairs[0] as QueuePair).openBatch();
    const transfer = (flags: object) => ({
      namespace: ns,
      buffer: disk.env.allocate(512),
      offset: 0,
      ...flags,
    });
    const written = transfer({ fua: true, limitedRetry: true });
    expect(await flagsOf(async () => batch.write(written))).toBe(0xc000_0000);
    vi.restoreAllMocks();
    expect(await flagsOf(async () => batch.read(transfer({ fua: true })))).toBe(0x4000_0000);
    vi.restoreAllMocks();
    expect(await flagsOf(async () => batch.read(ns, disk.env.allocate(512), 0, 0, 512, 1))).toBe(0);
    expect(() => batch.write(transfer({ fua: 1 }))).toThrow(/^fua must be a boolean/);
    expect(await batch.wait()).toBeGreaterThan(0);
  });

  it('are not those of the next operation', async () => {
    await ns.write(block('x'), { offset: 0, fua: true });
    expect(await flagsOf(() => ns.read(block(''), { offset: 0 }))).toBe(0);
  });

  it('are booleans', async () => {
    for (const options of [{ fua: 1 }, { limitedRetry: 'yes' }]) {
      const writing = ns.write(block('x'), { offset: 0, ...(options as object) });
      expect(await codeOf(writing)).toBe('ERR_SPDK_INVALID_ARG_TYPE');
    }
  });
});

describe('writeUncorrectable', () => {
  it('makes blocks unreadable until they are written', async () => {
    await ns.writeUncorrectable({ offset: 512, length: 1024 });
    await ns.read(block(''), { offset: 0 });
    const error = await ns.read(block(''), { offset: 1024 }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'ERR_SPDK_IO_FAILED', nvmeStatus: { sct: 2, sc: 0x81 } });
    await ns.write(block('good'), { offset: 1024 });
    await ns.read(block(''), { offset: 1024 });
  });

  it('is rejected past the end', async () => {
    expect(await codeOf(ns.writeUncorrectable({ offset: 63 * 512, length: 1024 }))).toBe(
      'ERR_SPDK_OUT_OF_RANGE',
    );
  });
});

describe('compareAndWrite', () => {
  it('writes where the data is as expected', async () => {
    await ns.compareAndWrite(Buffer.alloc(1024), Buffer.alloc(1024, 'new'), { offset: 512 });
    expect((await ns.read(Buffer.alloc(1024), { offset: 512 })).equals(Buffer.alloc(1024, 'new'))).toBe(true);
  });

  it('and not otherwise', async () => {
    const failed = ns.compareAndWrite(block('other'), block('new'), { offset: 0 });
    expect(await failed.catch((reason: unknown) => reason)).toMatchObject({
      code: 'ERR_SPDK_IO_FAILED',
      nvmeStatus: { sct: 2, sc: 0x85 },
    });
    expect((await ns.read(block(''), { offset: 0 })).equals(Buffer.alloc(512))).toBe(true);
  });

  it('loses no increment of many at the same time', async () => {
    const increment = async (): Promise<void> => {
      for (;;) {
        const old = await ns.read(Buffer.alloc(512), { offset: 0 });
        const next = Buffer.from(old);
        next.writeUInt32LE(old.readUInt32LE(0) + 1, 0);
        try {
          await ns.compareAndWrite(old, next, { offset: 0 });
          return;
        } catch (error) {
          if ((error as SpdkError).nvmeStatus?.sc !== 0x85) throw error;
        }
      }
    };
    await Promise.all(Array.from({ length: 40 }, increment));
    expect((await ns.read(Buffer.alloc(512), { offset: 0 })).readUInt32LE(0)).toBe(40);
  });

  it('is not sent again after a reset', async () => {
    disk.target.latencyMs = 50;
    const pending = ns.compareAndWrite(block('\0'), block('new'), { offset: 0 });
    const reading = ns.read(block(''), { offset: 512 });
    setTimeout(() => disk.target.dropLinks(), 10);
    expect(await codeOf(pending)).toBe('ERR_SPDK_IO_FAILED');
    await reading;
    disk.target.latencyMs = 0;
    expect((await ns.read(block(''), { offset: 0 })).equals(Buffer.alloc(512))).toBe(true);
  });

  it('rejects buffers of different lengths, and too much or too little', async () => {
    const at = { offset: 0 };
    expect(await codeOf(ns.compareAndWrite(block(''), Buffer.alloc(1024), at))).toBe(
      'ERR_SPDK_INVALID_BUFFER',
    );
    const much = Buffer.alloc(9 * 512);
    expect(await codeOf(ns.compareAndWrite(much, much, at))).toBe('ERR_SPDK_INVALID_ARG_VALUE');
    const odd = Buffer.alloc(100);
    expect(await codeOf(ns.compareAndWrite(odd, odd, at))).toBe('ERR_SPDK_UNALIGNED');
    expect(await codeOf(ns.compareAndWrite(block(''), block(''), { offset: 64 * 512 }))).toBe(
      'ERR_SPDK_OUT_OF_RANGE',
    );
  });

  it('over several paths is not sent twice either', async () => {
    const several = await disk.env.attachSubsystem([disk.subsystem.id], {
      hostNqn: 'nqn.2026-11.dev.spdk-nvme:second',
    });
    const [shared] = several.namespaces;
    disk.target.silent = true;
    const pending = codeOf(
      shared?.compareAndWrite(Buffer.alloc(512), block('path'), { offset: 0 }) as Promise<void>,
    );
    setTimeout(() => disk.target.dropLinks(), 10);
    expect(await pending).toBe('ERR_SPDK_IO_FAILED');
    disk.target.silent = false;
    await several.detach();
  });
});

describe('a command that is not split', () => {
  it('is rejected with more data than the controller takes, which ends no connection', async () => {
    const { controller } = ns;
    const most = controller.info.maxTransferBytes;
    const data = Buffer.alloc(most + 4);
    using direct = disk.env.allocate(most + 4);
    for (const opcode of [0x81, 0x82]) {
      for (const memory of [data, direct]) {
        expect(await codeOf(ns.raw({ opcode, data: memory }))).toBe('ERR_SPDK_INVALID_ARG_VALUE');
        expect(await codeOf(ns.raw({ opcode, data: memory.subarray(4) }))).toBe('none');
      }
    }
    await expect(ns.raw({ opcode: 0x81, data })).rejects.toThrow(`${most} bytes`);
    expect(controller.history.map(({ kind }) => kind)).not.toContain('connection-lost');
  });

  it('has the limit of the connection that there is now', async () => {
    disk.subsystem.maxTransferBytes = 4096;
    await ns.controller.reset();
    expect(await codeOf(ns.raw({ opcode: 0x81, data: Buffer.alloc(4100) }))).toBe(
      'ERR_SPDK_INVALID_ARG_VALUE',
    );
    expect(await codeOf(ns.raw({ opcode: 0x81, data: Buffer.alloc(4096) }))).toBe('none');
  });

  it('may be a pair, each command of which has all blocks', async () => {
    disk.subsystem.maxTransferBytes = 4096;
    disk.subsystem.addNamespace(2, { blocks: 8, blockSize: 4096 });
    const hostNqn = 'nqn.2026-11.dev.spdk-nvme:second';
    const large = (await disk.env.attach(disk.subsystem.id, { hostNqn })).namespaces[1] as Namespace;
    const zeroes = (blocks: number) => Buffer.alloc(blocks * 4096);
    const swap = (blocks: number) => large.compareAndWrite(zeroes(blocks), zeroes(blocks), { offset: 0 });
    expect(await codeOf(swap(2))).toBe('ERR_SPDK_INVALID_ARG_VALUE');
    expect(await codeOf(swap(1))).toBe('none');
  });
});

describe('copy', () => {
  const at = (offset: number, blocks = 1) => ({ offset: offset * 512, length: blocks * 512 });
  const read = async (block: number) =>
    (await ns.read(Buffer.alloc(512), { offset: block * 512 })).toString();

  beforeEach(async () => {
    for (const [i, text] of ['a', 'b', 'c', 'd'].entries()) await ns.write(block(text), { offset: i * 512 });
  });

  it('puts the source ranges one after the other', async () => {
    const raw = vi.spyOn(Ring.prototype, 'describeRaw');
    await ns.copy([at(2, 2), at(0)], { offset: 10 * 512, fua: true, limitedRetry: true });
    expect(await Promise.all([10, 11, 12, 13].map(read))).toEqual(
      ['c', 'd', 'a', '\0'].map((text) => block(text).toString()),
    );
    const [, opcode, , , dwords, , , length] = raw.mock.calls[0] as Parameters<Ring['describeRaw']>;
    expect([opcode, dwords, length]).toEqual([0x19, [10, 0, 0xc000_0001], 64]);
  });

  it('takes one range by itself, and one that overlaps the destination', async () => {
    expect(await ns.copy(at(0, 3), { offset: 512 })).toBeUndefined();
    expect(await Promise.all([0, 1, 2, 3].map(read))).toEqual(
      ['a', 'a', 'b', 'c'].map((text) => block(text).toString()),
    );
  });

  const revoked = () => {
    const { proxy, revoke } = Proxy.revocable([], {});
    revoke();
    return proxy;
  };
  const throwing = () =>
    Object.defineProperty([at(0)], 0, {
      get: () => {
        throw new Error('no range');
      },
    });

  it('sends nothing beyond its limits, or that is wrong', async () => {
    disk.subsystem.addNamespace(2, { blocks: 64, copyLimits: { ranges: 2, rangeBlocks: 3, blocks: 4 } });
    await vi.waitFor(() => expect(ns.controller.namespaces).toHaveLength(2));
    const small = ns.controller.namespaces[1] as Namespace;
    expect(small.copyLimits).toEqual({ ranges: 2, rangeBlocks: 3, blocks: 4 });
    const raw = vi.spyOn(Ring.prototype, 'describeRaw');
    const to = { offset: 0 };
    for (const [code, sources, options] of [
      ['ERR_SPDK_INVALID_ARG_VALUE', [at(0), at(1), at(2)], to],
      ['ERR_SPDK_INVALID_ARG_VALUE', at(0, 4), to],
      ['ERR_SPDK_INVALID_ARG_VALUE', [at(0, 3), at(3, 2)], to],
      ['ERR_SPDK_INVALID_ARG_VALUE', [], to],
      ['ERR_SPDK_INVALID_ARG_VALUE', { offset: 0, length: 0 }, to],
      ['ERR_SPDK_UNALIGNED', { offset: 0, length: 100 }, to],
      ['ERR_SPDK_UNALIGNED', at(0), { offset: 1 }],
      ['ERR_SPDK_OUT_OF_RANGE', at(63, 2), to],
      ['ERR_SPDK_OUT_OF_RANGE', at(0, 2), { offset: 63 * 512 }],
      ['ERR_SPDK_INVALID_ARG_TYPE', undefined, to],
      ['ERR_SPDK_INVALID_ARG_TYPE', [undefined], to],
      ['ERR_SPDK_INVALID_ARG_TYPE', 'all', to],
      ['ERR_SPDK_INVALID_ARG_TYPE', at(0), undefined],
      ['ERR_SPDK_INVALID_ARG_TYPE', new Array(1), to],
      ['ERR_SPDK_INVALID_ARG_VALUE', revoked(), to],
      ['ERR_SPDK_INVALID_ARG_VALUE', throwing(), to],
      ['ERR_SPDK_UNKNOWN_OPTION', { ...at(0), blocks: 1 }, to],
      ['ERR_SPDK_UNKNOWN_OPTION', at(0), { ...to, metadata: Buffer.alloc(8) }],
    ] as const) {
      expect([code, await codeOf(small.copy(sources as never, options as never))]).toEqual([code, code]);
    }
    expect(raw).not.toHaveBeenCalled();
    await small.copy([at(0, 3), at(3)], { offset: 8 * 512 });
  });

  it('is refused where the controller has none, and for blocks with metadata', async () => {
    disk.subsystem.addNamespace(2, { copyLimits: { ranges: 0 } });
    disk.subsystem.addNamespace(3, { metadataSize: 8 });
    await vi.waitFor(() => expect(ns.controller.namespaces).toHaveLength(3));
    const raw = vi.spyOn(Ring.prototype, 'describeRaw');
    for (const one of ns.controller.namespaces.slice(1))
      expect(await codeOf(one.copy(at(0), { offset: 512 }))).toBe('ERR_SPDK_UNSUPPORTED');
    expect(ns.controller.namespaces[1]?.supports.copy).toBe(false);
    expect(raw).not.toHaveBeenCalled();
  });

  it('keeps its place among overlapping writes over several paths, and is not sent twice', async () => {
    const several = await disk.env.attachSubsystem([disk.subsystem.id], {
      hostNqn: 'nqn.2026-11.dev.spdk-nvme:second',
    });
    const shared = several.namespaces[0] as (typeof several.namespaces)[0];
    // Longer than this thread may be held up until the next turn.
    disk.target.latencyMs = 500;
    const sent: string[] = [];
    const raw = vi.spyOn(Ring.prototype, 'describeRaw');
    shared.write(block('w'), { offset: 20 * 512 }).then(() => sent.push('write'));
    const copying = shared.copy(at(0), { offset: 20 * 512 }).then(() => sent.push('copy'));
    await new Promise((resolve) => setImmediate(resolve));
    expect(raw).not.toHaveBeenCalled();
    disk.target.latencyMs = 0;
    await copying;
    expect([sent, await read(20)]).toEqual([['write', 'copy'], block('a').toString()]);

    disk.target.silent = true;
    const lost = codeOf(shared.copy(at(1), { offset: 21 * 512 }));
    await new Promise((resolve) => setTimeout(resolve, 10));
    disk.target.dropLinks();
    expect(await lost).toBe('ERR_SPDK_IO_FAILED');
    disk.target.silent = false;
    expect(await read(21)).toBe(block('\0').toString());
    await several.detach();
  });
});
