// Read streams whose chunks' memory is used again: when it is, that nothing else ever has it, and what becomes of it.

import { PassThrough, Readable, Transform, Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { type FileReadStreamOptions, open } from '../../lib/file/index.js';
import { Namespace, type NamespaceReadStream, type ReadStreamOptions } from '../../lib/index.js';
import { DmaMemory } from '../../lib/io/dma-memory.js';
import { collectGarbage } from '../support/collect-garbage.js';
import {
  attachDisk,
  closeDisk,
  closed,
  type Disk,
  failure,
  noise,
  regionsOf,
  diskBytes as size,
} from './memory/disk.js';

const chunkBytes = 512;
/** What is on the disk. */
const content = noise(size);
let disk: Disk;
let ns: Namespace;

beforeEach(async () => {
  disk = await attachDisk({ ioQueues: 2 });
  ({ ns } = disk);
  disk.memory.data.set(content);
});
afterEach(async () => {
  vi.restoreAllMocks();
  await closeDisk(disk);
});

const streamOf = (reuseAfterChunks: number, options?: ReadStreamOptions): NamespaceReadStream =>
  ns.createReadStream({ chunkBytes, concurrency: 3, ...options, reuseAfterChunks });

it.each<ReadStreamOptions>([
  {},
  { chunkBytes: 512, concurrency: 1 },
  { startBytes: 512, endBytes: size - 512, chunkBytes: 2048 },
  { startBytes: 5, endBytes: 6 },
  { startBytes: 700, endBytes: size - 3, chunkBytes: 512 },
  { startBytes: 77, endBytes: 77 },
])('gives the bytes that were asked for: %o', async (options) => {
  const wanted = content.subarray(options.startBytes ?? 0, options.endBytes ?? size);
  for (const reuse of [1, 3, 1024]) {
    const parts: Buffer[] = [];
    for await (const chunk of streamOf(reuse, options)) {
      parts.push(Buffer.from(chunk));
      // What a consumer writes there is not seen by others.
      chunk.fill(0xff);
    }
    expect(Buffer.concat(parts).equals(wanted)).toBe(true);
  }
});

it.each([1, 2, 5])('keeps a chunk until the consumer has got %i later ones, and no longer', async (reuse) => {
  const got: { chunk: Buffer; copy: Buffer }[] = [];
  const places = new Set<ArrayBufferLike>();
  for await (const chunk of streamOf(reuse)) {
    got.push({ chunk, copy: Buffer.from(chunk) });
    places.add(chunk.buffer);
    await sleep(1);
    for (const { chunk: kept, copy } of got.slice(-reuse)) expect(kept.equals(copy)).toBe(true);
  }
  expect(got).toHaveLength(size / chunkBytes);
  // Those that the consumer has, those on the way, and one in the stream.
  expect(places.size).toBeLessThanOrEqual(reuse + 3 + 2);
  expect(got.filter(({ chunk, copy }) => chunk.equals(copy)).length).toBeLessThanOrEqual(places.size);
});

it('keeps it in the same way for a listener that pauses the stream now and then', async () => {
  disk.fixture.target.latencyMs = 1;
  const got: { chunk: Buffer; copy: Buffer }[] = [];
  const stream = streamOf(2).on('data', (chunk) => {
    got.push({ chunk, copy: Buffer.from(chunk) });
    if (got.length % 7 > 0) return;
    stream.pause();
    setTimeout(() => {
      for (const { chunk: kept, copy } of got.slice(-2)) if (!kept.equals(copy)) stream.destroy();
      stream.resume();
    }, 5);
  });
  await closed(stream);
  expect(got).toHaveLength(size / chunkBytes);
});

it('counts what the stream itself keeps as not yet got', async () => {
  const ofParts = async (read: (stream: NamespaceReadStream) => Buffer | null): Promise<void> => {
    const stream = streamOf(1);
    const parts: Buffer[] = [];
    stream.on('readable', () => {
      for (let part = read(stream); part; part = read(stream)) parts.push(Buffer.from(part));
    });
    await closed(stream);
    expect(Buffer.concat(parts).equals(content)).toBe(true);
  };
  await ofParts((stream) => stream.read(100) ?? stream.read());
  const slowly = streamOf(1);
  const parts: { part: Buffer; start: number }[] = [];
  let end = 0;
  while (!slowly.readableEnded) {
    const part = slowly.read(100) ?? slowly.read();
    if (part) parts.push({ part, start: end });
    end += part?.length ?? 0;
    await sleep(1);
    // The chunk that the consumer has got in part, and the one before it.
    const kept = (Math.floor(end / chunkBytes) - 1) * chunkBytes;
    for (const { part: view, start } of parts) {
      if (start < kept) continue;
      expect(view.equals(content.subarray(start, start + view.length)), `at ${start}`).toBe(true);
    }
  }
  expect(end).toBe(size);
  await ofParts((stream) => stream.read(5000) ?? stream.read());
  let turnBack = 0;
  await ofParts((stream) => {
    const part = stream.read();
    if (!part || turnBack++ % 3 > 0 || part.length < 10) return part;
    stream.unshift(part.subarray(7));
    return part.subarray(0, 7);
  });
});

it('stays as it was read in pipelines of slow streams', async () => {
  const written: Buffer[] = [];
  // Two chunks for each side of a stream whose highWaterMark is no more than a chunk, and three for the sink.
  const mark = { highWaterMark: chunkBytes };
  const slow = () =>
    new Transform({
      ...mark,
      transform: (chunk, _, callback) => void setTimeout(() => callback(null, chunk), 1),
    });
  const sink = new Writable({
    highWaterMark: 2 * chunkBytes,
    write(chunk, _, callback) {
      setTimeout(() => {
        written.push(Buffer.from(chunk));
        callback();
      }, 2);
    },
  });
  await pipeline(streamOf(11), new PassThrough(mark), slow(), sink);
  expect(Buffer.concat(written).equals(content)).toBe(true);
});

it('stays as it was read with two later chunks for one slow sink', async () => {
  disk.fixture.disk('b');
  const [other] = (await disk.fixture.attach('b')).namespaces as [Namespace];
  disk.fixture.target.latencyMs = 1;
  const copied: Buffer[] = [];
  const sink = new Writable({
    highWaterMark: chunkBytes,
    write(chunk, _, callback) {
      setTimeout(() => {
        copied.push(Buffer.from(chunk));
        callback();
      }, 2);
    },
  });
  await pipeline(streamOf(2), sink);
  expect(Buffer.concat(copied).equals(content)).toBe(true);
  await pipeline(streamOf(2), other.createWriteStream({ chunkBytes, concurrency: 1 }));
  expect((await buffer(other.createReadStream())).equals(content)).toBe(true);
});

it('is copied for web streams and strings', async () => {
  const parts: Uint8Array[] = [];
  for await (const part of Readable.toWeb(streamOf(1))) parts.push(part);
  expect(Buffer.concat(parts).equals(content)).toBe(true);

  const file = await open(ns);
  const text = file.createReadStream({ encoding: 'latin1', reuseAfterChunks: 1, highWaterMark: chunkBytes });
  expect((await text.toArray()).join('')).toBe(content.toString('latin1'));
});

it('belongs to the consumer after the end, the close and the environment', async () => {
  const got: Buffer[] = [];
  for await (const chunk of streamOf(4)) got.push(chunk);
  const last = got.slice(-5);
  const copies = last.map((chunk) => Buffer.from(chunk));
  disk.memory.data.fill(0xee);
  for (let i = 0; i < 5; i++) await buffer(streamOf(1));
  await disk.controller.detach();
  await disk.fixture.env.close();
  expect(last.map((chunk, i) => chunk.equals(copies[i] as Buffer))).toEqual(Array(5).fill(true));
});

it('is never freed while the consumer has it, when the stream is destroyed in the middle, and returned later', async () => {
  const before = regionsOf(disk);
  const held = await (async () => {
    const streams = Array.from({ length: 10 }, () => streamOf(2));
    return Promise.all(
      streams.map(async (stream) => {
        const [chunk] = (await stream.take(1).toArray()) as [Buffer];
        expect(stream.destroyed).toBe(true);
        return chunk;
      }),
    );
  })();
  await turn();
  for (const chunk of held) expect(chunk.equals(noise(chunkBytes))).toBe(true);
  // No consumer has seen the others.
  expect(regionsOf(disk) - before).toBeLessThanOrEqual(held.length * 2);
  held.length = 0;
  await vi.waitUntil(
    async () => {
      collectGarbage();
      await turn();
      return regionsOf(disk) <= before + 1;
    },
    { timeout: 15_000 },
  );
});

it('is ordinary memory where there is no DMA memory, and new after the consumer has transferred it', async () => {
  vi.spyOn(DmaMemory.prototype, 'tryStage').mockReturnValue(undefined);
  const places = new Set<ArrayBufferLike>();
  const parts: Buffer[] = [];
  for await (const chunk of streamOf(1, { concurrency: 1 })) {
    parts.push(Buffer.from(chunk));
    places.add(chunk.buffer);
    if (parts.length % 8 === 0) structuredClone(chunk.buffer, { transfer: [chunk.buffer as ArrayBuffer] });
  }
  expect(Buffer.concat(parts).equals(content)).toBe(true);
  expect(places.size).toBeLessThan(4 + 8 * 2);

  // Too late: it is being read into again.
  const memories: ArrayBuffer[] = [];
  const stream = streamOf(1).on('data', ({ buffer: memory }: Buffer) => {
    memories.push(memory as ArrayBuffer);
    disk.fixture.target.silent = memories.length > 10;
  });
  const failed = failure(stream);
  await vi.waitFor(() => expect(disk.controller.stats().outstanding).toBe(3));
  for (const memory of memories) if (memory.byteLength > 0) structuredClone(memory, { transfer: [memory] });
  disk.fixture.target.silent = false;
  expect(await failed).toMatchObject({ code: 'ERR_SPDK_INVALID_BUFFER' });
});

it('fails with a code when its DMA memory is gone after a read, instead of skipping the chunk', async () => {
  const { transfer } = ArrayBuffer.prototype as { transfer?: () => ArrayBuffer };
  vi.spyOn(Namespace.prototype, 'read').mockImplementation(async (target) => {
    const memory = target.buffer as ArrayBuffer;
    // Newer releases of Node.js have the method, and do not move memory of addons in the other way.
    if (transfer) transfer.call(memory);
    else structuredClone(memory, { transfer: [memory] });
    return target;
  });
  const stream = streamOf(1).resume();
  expect(await failure(stream)).toMatchObject({ code: 'ERR_SPDK_INVALID_BUFFER' });
});

it('is not read into while an operation uses it, even if the caller did not wait', async () => {
  const other = disk.fixture.disk('b').namespaces.get(1);
  const [target] = (await disk.fixture.attach('b')).namespaces;
  const writes: Promise<void>[] = [];
  let at = 0;
  for await (const chunk of streamOf(1)) {
    disk.fixture.target.silent = at === 4096;
    writes.push((target as Namespace).write(chunk, { offset: at }));
    at += chunk.length;
    if (at > 4096) disk.fixture.target.silent = false;
  }
  await Promise.all(writes);
  expect(Buffer.from(other?.data ?? []).equals(content)).toBe(true);
});

it.each<[string, unknown]>([
  ['ERR_SPDK_INVALID_ARG_VALUE', { reuseAfterChunks: 0 }],
  ['ERR_SPDK_INVALID_ARG_VALUE', { reuseAfterChunks: 1025 }],
  ['ERR_SPDK_INVALID_ARG_VALUE', { reuseAfterChunks: 1.5 }],
  ['ERR_SPDK_INVALID_ARG_TYPE', { reuseAfterChunks: true }],
  ['ERR_SPDK_INVALID_ARG_TYPE', { reuseAfterChunks: null }],
])('throws %s for %j', async (code, options) => {
  const file = await open(ns);
  const error = expect.objectContaining({ code });
  expect(() => ns.createReadStream(options as ReadStreamOptions)).toThrow(error);
  expect(() => file.createReadStream(options as FileReadStreamOptions)).toThrow(error);
});

it('is an option of read streams only', async () => {
  const error = expect.objectContaining({ code: 'ERR_SPDK_UNKNOWN_OPTION' });
  const options = { reuseAfterChunks: 8 } as never;
  const file = await open(ns);
  expect(() => ns.chunks(options)).toThrow(error);
  expect(() => ns.createWriteStream(options)).toThrow(error);
  expect(() => file.createWriteStream(options)).toThrow(error);
});
