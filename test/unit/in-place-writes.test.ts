// Write streams whose chunks are DMA memory: sent as they are, in order with those that are copied, and done when they are written.

import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, expect, it, vi } from 'vitest';
import { open } from '../../lib/file/index.js';
import { Namespace, type NamespaceWriteStream } from '../../lib/index.js';
import type { MemoryNamespace } from '../../lib/testing/index.js';
import { closed, failure, noise } from './memory/disk.js';
import { simulatedDisk } from './memory/simulated-disk.js';
import { Random } from './random.js';

const kib = 1 << 10;
const blocks = 8192;
const size = blocks * 512;
const chunkBytes = 256 * kib;
const disk = simulatedDisk(blocks);
let ns: Namespace;
let memory: MemoryNamespace;

beforeEach(async () => {
  [ns] = (await disk.env.attach(disk.subsystem.id)).namespaces as [Namespace];
  memory = disk.subsystem.namespaces.get(1) as MemoryNamespace;
});

const written = (start: number, end: number) => Buffer.from(memory.data.subarray(start, end));
const dma = (content: Buffer): Buffer => {
  const chunk = disk.env.allocate(content.length);
  content.copy(chunk);
  return chunk;
};
const ended = (stream: NamespaceWriteStream) => new Promise<void>((resolve) => stream.end(resolve));

it('are not copied, and each is done when it is written and not before', async () => {
  const write = vi.spyOn(Namespace.prototype, 'write');
  disk.target.silent = true;
  const stream = ns.createWriteStream({ chunkBytes, concurrency: 3 });
  const chunks = [1, 2, 3, 4].map((seed) => dma(noise(chunkBytes, seed)));
  const done: number[] = [];
  const accepted = chunks.map((chunk, i) => stream.write(chunk, () => done.push(i)));
  expect(accepted).toEqual([true, true, false, false]);
  await sleep(20);
  expect(write.mock.calls.map(([source]) => source.buffer)).toEqual(
    chunks.slice(0, 3).map(({ buffer }) => buffer),
  );
  expect(ns.controller.stats().outstanding).toBe(3);
  expect(done).toEqual([]);
  expect(stream.bytesWritten).toBe(0);
  disk.target.silent = false;
  await ended(stream);
  expect(done).toEqual([0, 1, 2, 3]);
  expect(write.mock.calls.at(-1)?.[0].buffer).toBe(chunks[3]?.buffer);
  expect(stream.bytesWritten).toBe(size / 4);
  write.mockRestore();
});

it('can be followed by others as soon as one of them is written', async () => {
  disk.target.latencyMs = 5;
  const stream = ns.createWriteStream({ chunkBytes, concurrency: 2 });
  const done: number[] = [];
  for (const i of [0, 1]) stream.write(dma(noise(chunkBytes, i)), () => done.push(i));
  expect(stream.writableNeedDrain).toBe(true);
  await new Promise((resolve) => stream.once('drain', resolve));
  expect(stream.writableLength).toBeLessThan(2 * chunkBytes);
  await ended(stream);
  expect(done).toEqual([0, 1]);
});

it('may be changed from their callback on', async () => {
  disk.target.latencyMs = 2;
  const stream = ns.createWriteStream({ chunkBytes, concurrency: 4 });
  const chunk = disk.env.allocate(chunkBytes);
  for (let seed = 0; seed < 8; seed++) {
    noise(chunkBytes, seed).copy(chunk);
    await new Promise((resolve) => stream.write(chunk, resolve));
  }
  await ended(stream);
  for (let seed = 0; seed < 8; seed++) {
    expect(written(seed * chunkBytes, (seed + 1) * chunkBytes).equals(noise(chunkBytes, seed))).toBe(true);
  }
});

it('longer than an operation are sent in several, and their last part of a block is copied', async () => {
  const stream = ns.createWriteStream({ chunkBytes, concurrency: 2 });
  stream.write(dma(noise(5 * chunkBytes + 700)));
  stream.end(dma(noise(chunkBytes, 2)));
  await closed(stream);
  const whole = Buffer.concat([noise(5 * chunkBytes + 700), noise(chunkBytes, 2)]);
  expect(written(0, whole.length).equals(whole)).toBe(true);
  expect(stream.bytesWritten).toBe(whole.length);
});

it('keep the order with others, whatever their lengths, wherever they begin, however they are written', async () => {
  const random = new Random(Number(process.env.MODEL_SEED ?? 1) || 1);
  for (let round = 0; round < 10; round++) {
    const before = noise(size, 200 + round);
    memory.data.set(before);
    disk.target.latencyMs = random.pick([0, 0, 1]);
    const start = random.pick([0, 512, 700, 3 * 512 + 1, 4096]);
    const through = random.pick(['namespace', 'file'] as const);
    const each = random.pick([chunkBytes, 300 * kib, 512 * kib]);
    await using file = await open(ns);
    const stream =
      through === 'file'
        ? file.createWriteStream({ start, highWaterMark: each, autoClose: false })
        : ns.createWriteStream({ startBytes: start, chunkBytes: each, concurrency: 1 + random.below(5) });
    const parts: Buffer[] = [];
    const callbacks: Promise<void>[] = [];
    let length = 0;
    for (;;) {
      const bytes = random.pick([1, 512, 700, 1024, 4096, 200 * kib, chunkBytes, chunkBytes, 600 * kib + 3]);
      if (start + length + bytes > size) break;
      const content = noise(bytes, random.below(250));
      length += bytes;
      parts.push(content);
      const region = random.below(3) > 0 ? disk.env.allocate(bytes + 3) : Buffer.alloc(bytes + 3);
      const chunk = region.subarray(random.below(4)).subarray(0, bytes);
      content.copy(chunk);
      if (random.below(10) === 0) stream.cork();
      // From its callback on the memory is someone else's.
      callbacks.push(new Promise((resolve) => stream.write(chunk, () => resolve(void chunk.fill(0xff)))));
      if (random.below(5) === 0) while (stream.writableCorked > 0) stream.uncork();
      if (random.below(4) === 0) await sleep(0);
      if (stream.writableNeedDrain && stream.writableCorked === 0)
        await new Promise((resolve) => stream.once('drain', resolve));
    }
    await ended(stream);
    await Promise.all(callbacks);
    before.set(Buffer.concat(parts), start);
    expect(Buffer.from(memory.data).equals(before), `round ${round}`).toBe(true);
    expect(stream.bytesWritten).toBe(length);
  }
});

it('of text, empty ones and others in between keep their place', async () => {
  const stream = ns.createWriteStream({ chunkBytes, concurrency: 2 });
  const parts = [dma(noise(chunkBytes)), 'text', new Uint8Array(0), dma(noise(chunkBytes, 3)), 'end'];
  for (const part of parts) stream.write(part);
  await ended(stream);
  const whole = Buffer.concat(parts.map((part) => Buffer.from(part as string)));
  expect(written(0, whole.length).equals(whole)).toBe(true);
});

it('of a pipeline from a stream that reads into them again are what was read, for any number of later chunks', async () => {
  for (const reuse of [5, 8]) {
    memory.data.set(noise(size, reuse));
    const copy = disk.subsystem.addNamespace(2, { blocks });
    const controller = ns.controller;
    await vi.waitFor(() => expect(controller.namespaces).toHaveLength(2));
    const [, target] = controller.namespaces as [Namespace, Namespace];
    disk.target.latencyMs = 1;
    await pipeline(
      ns.createReadStream({ chunkBytes, reuseAfterChunks: reuse }),
      target.createWriteStream({ chunkBytes }),
    );
    expect(Buffer.from(copy.data).equals(noise(size, reuse))).toBe(true);
    disk.target.latencyMs = 0;
    disk.subsystem.removeNamespace(2);
    await vi.waitFor(() => expect(controller.namespaces).toHaveLength(1));
  }
});

it('end with an error when the stream is destroyed, or one of them fails', async () => {
  const outcomes = async (end: (stream: NamespaceWriteStream) => void): Promise<(string | undefined)[]> => {
    const stream = ns.createWriteStream({ chunkBytes, concurrency: 2 });
    stream.on('error', () => {});
    const results = [1, 2, 3, 4].map(
      (seed) =>
        new Promise<string | undefined>((resolve) =>
          stream.write(dma(noise(chunkBytes, seed)), (error) =>
            resolve((error as NodeJS.ErrnoException | null)?.code),
          ),
        ),
    );
    end(stream);
    await closed(stream);
    return Promise.all(results);
  };
  disk.target.silent = true;
  expect(await outcomes((stream) => stream.destroy())).toEqual(Array(4).fill('ERR_SPDK_ABORTED'));
  disk.target.silent = false;
  await vi.waitFor(() => expect(ns.controller.stats()).toMatchObject({ pending: 0, outstanding: 0 }));
  disk.target.failCommands({ sct: 2, sc: 0x80, command: 'write' });
  expect((await outcomes(() => {})).slice(0, 1)).toEqual(['ERR_SPDK_IO_FAILED']);
});

it('past the end fail after those before them are written', async () => {
  const stream = ns.createWriteStream({ chunkBytes, endBytes: chunkBytes });
  const failed = failure(stream);
  const first = new Promise<unknown>((resolve) => stream.write(dma(noise(chunkBytes)), resolve));
  stream.write(dma(noise(chunkBytes, 2)));
  expect(await failed).toMatchObject({ code: 'ERR_SPDK_OUT_OF_RANGE' });
  expect(await first).toBeFalsy();
  expect(written(0, chunkBytes).equals(noise(chunkBytes))).toBe(true);
  expect(written(chunkBytes, size).every((byte) => byte === 0)).toBe(true);
});
