// Flags of reads and writes, Write Uncorrectable, and Compare and Write as one operation.

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
    disk.target.latencyMs = 50;
    const pending = codeOf(
      shared?.compareAndWrite(Buffer.alloc(512), block('path'), { offset: 0 }) as Promise<void>,
    );
    setTimeout(() => disk.target.dropLinks(), 10);
    expect(await pending).toBe('ERR_SPDK_IO_FAILED');
    disk.target.latencyMs = 0;
    await several.detach();
  });
});
