// A namespace chunk by chunk, over a namespace in memory.

import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Namespace, type ReadStreamOptions } from '../../lib/index.js';
import {
  attachDisk,
  closeDisk,
  type Disk,
  expectIdle,
  noise,
  regionsOf,
  diskBytes as size,
  tick,
} from './memory/disk.js';

let disk: Disk;
let fixture: Disk['fixture'];
let ns: Disk['ns'];
let memory: Disk['memory'];

beforeEach(async () => {
  disk = await attachDisk({ ioQueues: 2 });
  ({ fixture, ns, memory } = disk);
});
afterEach(() => closeDisk(disk));

describe('namespace.chunks', () => {
  it.each<ReadStreamOptions>([
    {},
    { chunkBytes: 512, concurrency: 1 },
    { chunkBytes: 1024, concurrency: 3 },
    { startBytes: 1, endBytes: 511 },
    { startBytes: 700, endBytes: size - 3, chunkBytes: 512 },
    { startBytes: size },
  ])('gives the bytes that were asked for, whatever the consumer does to a chunk: %o', async (options) => {
    memory.data.set(noise(size));
    const before = regionsOf(disk);
    const parts: Buffer[] = [];
    for await (const chunk of ns.chunks(options)) {
      parts.push(Buffer.from(chunk));
      chunk.fill(0);
      if (parts.length % 3 === 0) await tick(1);
    }
    const wanted = noise(size).subarray(options.startBytes ?? 0, options.endBytes ?? size);
    expect(Buffer.concat(parts).equals(wanted)).toBe(true);
    await expectIdle(disk);
    // The pool for copies may have begun: one region.
    expect(regionsOf(disk)).toBeLessThanOrEqual(before + 1);
  });

  it('uses few buffers, and none of them while the consumer has it', async () => {
    const places = new Set<ArrayBufferLike>();
    let last: { chunk: Buffer; copy: Buffer } | undefined;
    memory.data.set(noise(size));
    for await (const chunk of ns.chunks({ chunkBytes: 512, concurrency: 3 })) {
      if (last) expect(last.chunk.buffer).not.toBe(chunk.buffer);
      places.add(chunk.buffer);
      last = { chunk, copy: Buffer.from(chunk) };
      await tick(1);
      expect(last.chunk.equals(last.copy)).toBe(true);
    }
    expect(places.size).toBeLessThanOrEqual(4);
  });

  it('reads as many chunks ahead as may be outstanding while the consumer has one', async () => {
    const read = vi.spyOn(Namespace.prototype, 'read');
    const chunks = ns.chunks({ chunkBytes: 512, concurrency: 1 });
    await chunks.next();
    expect(read).toHaveBeenCalledTimes(2);
    await chunks.next();
    expect(read).toHaveBeenCalledTimes(3);
    await chunks.return();
    read.mockRestore();
  });

  it('ends with the loop, with its signal, or with a failed read, and leaves nothing', async () => {
    for await (const chunk of ns.chunks({ chunkBytes: 512 })) {
      expect(chunk.length).toBe(512);
      break;
    }
    const abort = new AbortController();
    const aborted = ns.chunks({ chunkBytes: 512, signal: abort.signal });
    await aborted.next();
    abort.abort();
    await expect(aborted.next()).rejects.toMatchObject({ code: 'ERR_SPDK_ABORTED', name: 'AbortError' });
    await expect(ns.chunks({ signal: AbortSignal.abort() }).next()).rejects.toMatchObject({
      code: 'ERR_SPDK_ABORTED',
    });

    fixture.target.silent = true;
    await expect(ns.chunks({ timeoutMs: 10 }).next()).rejects.toMatchObject({ code: 'ERR_SPDK_TIMEOUT' });
    fixture.target.silent = false;
    await expectIdle(disk);
    expect(regionsOf(disk)).toBeLessThanOrEqual(1);
  });

  it('ends with the error of its consumer, unchanged', async () => {
    const mine = new Error('mine');
    const chunks = ns.chunks({ chunkBytes: 512 });
    await chunks.next();
    await expect(chunks.throw(mine)).rejects.toBe(mine);
    await expectIdle(disk);
  });

  it('is left while it waits for a target that does not respond', async () => {
    const idle = ns.chunks({ chunkBytes: 512 });
    await idle.return();
    fixture.target.silent = true;
    const left = ns.chunks({ chunkBytes: 512 });
    const waiting = [left.next(), left.next()];
    expect(await left.return()).toEqual({ done: true, value: undefined });
    expect(await Promise.all(waiting)).toEqual(Array(2).fill({ done: true, value: undefined }));

    const mine = new Error('mine');
    const thrown = ns.chunks({ chunkBytes: 512 });
    const pending = thrown.next();
    await expect(thrown.throw(mine)).rejects.toBe(mine);
    expect(await pending).toEqual({ done: true, value: undefined });

    let disposed: Promise<unknown>;
    {
      await using chunks = ns.chunks({ chunkBytes: 512 });
      disposed = chunks.next();
    }
    expect(await disposed).toEqual({ done: true, value: undefined });

    const stream = Readable.from(ns.chunks());
    stream.read();
    await tick(1);
    const closed = new Promise((resolve) => stream.once('close', resolve));
    stream.destroy();
    await closed;
    fixture.target.silent = false;
    await expectIdle(disk);
    expect(regionsOf(disk)).toBeLessThanOrEqual(1);
  });

  it('says why it ended if its signal fires before it is left', async () => {
    fixture.target.silent = true;
    const abort = new AbortController();
    const chunks = ns.chunks({ signal: abort.signal });
    const waiting = chunks.next();
    const rejected = expect(waiting).rejects.toMatchObject({ code: 'ERR_SPDK_ABORTED' });
    abort.abort();
    await chunks.return();
    await rejected;
  });

  it('throws for bad options before anything is read', () => {
    expect(() => ns.chunks({ chunkBytes: 100 })).toThrow(
      expect.objectContaining({ code: 'ERR_SPDK_UNALIGNED' }),
    );
  });
});
