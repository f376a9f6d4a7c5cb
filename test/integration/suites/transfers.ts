// One write and one read through each of the package's interfaces, with buffers that are copied and in place.

import { expect } from 'vitest';
import type { Batch, DmaBuffer, Environment, Namespace } from '../../../lib/index.js';
import type { Way } from './sizes-plan.js';

export interface Transfer {
  readonly write: (content: Buffer, offset: number) => Promise<void>;
  /** Resolves with the data that was read. */
  readonly read: (length: number, offset: number) => Promise<Buffer>;
}

/** The maximum of buffers that are used in place; more are copied. */
const maxParts = 16;
/** The bytes around the buffers, which a read must not change. */
const guard = 0xa5;

export function transfers(env: Environment, ns: Namespace): { readonly [Name in Way]: Transfer } {
  /** Has `run` do with parts of one region of DMA memory, which have a block before, between and behind them. */
  function inPlace(
    split: (length: number) => readonly number[],
    write: (parts: readonly Buffer[], offset: number, region: DmaBuffer) => Promise<unknown>,
    read: (parts: readonly Buffer[], offset: number, region: DmaBuffer) => Promise<unknown>,
  ): Transfer {
    return {
      write: async (content, offset) => {
        const sizes = split(content.length);
        using region = env.allocate(content.length + (sizes.length + 1) * ns.blockSize);
        const parts = layOut(region, sizes, ns.blockSize);
        let at = 0;
        for (const part of parts) {
          part.set(content.subarray(at, at + part.length));
          at += part.length;
        }
        await write(parts, offset, region);
      },
      read: async (length, offset) => {
        const sizes = split(length);
        using region = env.allocate(length + (sizes.length + 1) * ns.blockSize);
        region.fill(guard);
        const parts = layOut(region, sizes, ns.blockSize);
        await read(parts, offset, region);
        const gaps = [0, ...parts.map((part) => part.byteOffset + part.length)];
        for (const gap of gaps) {
          const untouched = region.subarray(gap, gap + ns.blockSize).every((byte) => byte === guard);
          expect(untouched, 'a byte read beside its place').toBe(true);
        }
        return Buffer.concat(parts);
      },
    };
  }

  async function inBatch(describe: (batch: Batch, tag: number) => boolean): Promise<void> {
    const [queuePair] = ns.controller.queuePairs;
    using batch = (queuePair as NonNullable<typeof queuePair>).openBatch();
    expect(describe(batch, 7)).toBe(true);
    batch.submit();
    expect(await batch.wait()).toBe(1);
    expect([batch.tags[0], batch.statuses[0], batch.outstanding]).toEqual([7, 0, 0]);
  }

  const whole = (length: number) => [length];
  const blocks = (length: number) => unevenly(length / ns.blockSize).map((count) => count * ns.blockSize);
  return {
    'read and write, copied': {
      write: (content, offset) => ns.write(content, { offset }),
      read: (length, offset) => ns.read(Buffer.alloc(length), { offset }),
    },
    'read and write, in place': inPlace(
      whole,
      ([part], offset) => ns.write(part as Buffer, { offset }),
      ([part], offset) => ns.read(part as Buffer, { offset }),
    ),
    'readv and writev, copied': {
      write: async (content, offset) => {
        let at = 0;
        const parts = unevenly(content.length).map((size) => {
          at += size;
          return content.subarray(at - size, at);
        });
        await ns.writev(parts, { offset });
      },
      read: async (length, offset) => {
        const parts = unevenly(length).map((size) => Buffer.alloc(size));
        return Buffer.concat(await ns.readv(parts, { offset }));
      },
    },
    'readv and writev, in place': inPlace(
      blocks,
      (parts, offset) => ns.writev(parts, { offset }),
      (parts, offset) => ns.readv(parts, { offset }),
    ),
    'batch, in place': inPlace(
      whole,
      ([part], offset, region) =>
        inBatch((batch, tag) => batch.write(ns, region, ns.blockSize, offset, (part as Buffer).length, tag)),
      ([part], offset, region) =>
        inBatch((batch, tag) => batch.read(ns, region, ns.blockSize, offset, (part as Buffer).length, tag)),
    ),
  };
}

/** At most 16 sizes that make up the total, neighbours different, so that no limit of a command falls on all their ends. */
function unevenly(total: number): readonly number[] {
  const count = Math.min(maxParts, total);
  const each = Math.floor(total / count);
  const shift = Math.floor(each / 3);
  const sizes = Array.from({ length: count - 1 }, (_, i) => each + (i % 2 === 0 ? shift : -shift));
  return [...sizes, total - sizes.reduce((sum, size) => sum + size, 0)];
}

/** Places of these sizes, the first one last, so that no two follow each other in memory. */
function layOut(region: DmaBuffer, sizes: readonly number[], gap: number): readonly Buffer[] {
  let at = region.length;
  return sizes.map((size) => {
    at -= gap + size;
    return region.subarray(at, at + size);
  });
}
