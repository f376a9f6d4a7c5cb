// Streams over a namespace in memory: what they carry, how much at once, and how they end.

import { Readable, Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Controller, Namespace, ReadStreamOptions, WriteStreamOptions } from '../../lib/index.js';
import { useAddon } from '../../lib/native/addon.js';
import type { MemoryNamespace } from '../../lib/testing/namespace.js';
import { type Bed, makeBed } from './standin/bed.js';

const size = 64 * 512;
const noise = (bytes: number, seed = 1) =>
  Buffer.from(Uint8Array.from({ length: bytes }, (_, i) => (i * 31 + seed) % 251));

let bed: Bed;
let controller: Controller;
let ns: Namespace;
let space: MemoryNamespace;

beforeEach(async () => {
  bed = await makeBed();
  space = bed.disk('a').namespaces.get(1) as MemoryNamespace;
  controller = await bed.attach('a', { ioQueues: 2 });
  ns = controller.namespaces[0] as Namespace;
});
afterEach(async () => {
  bed.target.silent = false;
  await bed.env.close();
  expect(bed.addon.violations.list).toEqual([]);
  expect(bed.addon.environments.flatMap(({ memory }) => memory.pinned)).toEqual([]);
  useAddon(undefined);
});

/** Regions of DMA memory that somebody has: 1 is the pool that data is copied through. */
const regions = () => bed.addon.environments[0]?.memory.live.size ?? 0;
const nothingLeft = () =>
  vi.waitFor(() => expect(controller.stats()).toMatchObject({ pending: 0, outstanding: 0 }));
const tick = (ms = 20) => new Promise((resolve) => setTimeout(resolve, ms));
const closed = (stream: Readable | Writable) => new Promise((resolve) => stream.once('close', resolve));
const failure = (stream: Readable | Writable) => new Promise((resolve) => stream.once('error', resolve));

describe('namespace.createReadStream', () => {
  it.each<ReadStreamOptions>([
    {},
    { chunkBytes: 512, concurrency: 1 },
    { chunkBytes: 1024, concurrency: 3 },
    { startBytes: 512, endBytes: size - 512, chunkBytes: 2048 },
    { startBytes: 5, endBytes: 6 },
    { startBytes: 1, endBytes: 511 },
    { startBytes: 700, endBytes: size - 3, chunkBytes: 512 },
    { startBytes: 100, endBytes: 1000, chunkBytes: 512 },
    { startBytes: 77, endBytes: 77 },
    { startBytes: size },
  ])('gives the bytes that were asked for: %o', async (options) => {
    space.data.set(noise(size));
    const stream = ns.createReadStream(options);
    const wanted = noise(size).subarray(options.startBytes ?? 0, options.endBytes ?? size);
    expect((await buffer(stream)).equals(wanted)).toBe(true);
    expect(stream.bytesRead).toBe(wanted.length);
  });

  it('gives chunks to for await, the first one cut so that the others are whole blocks', async () => {
    const lengths: number[] = [];
    for await (const chunk of ns.createReadStream({ startBytes: 100, endBytes: 4000, chunkBytes: 1024 })) {
      lengths.push(chunk.length);
    }
    expect(lengths).toEqual([924, 1024, 1024, 928]);
  });

  it('reads ahead as far as concurrency allows, and no further', async () => {
    const stream = ns.createReadStream({ chunkBytes: 512, concurrency: 3 });
    bed.target.silent = true;
    stream.read(0);
    await tick();
    expect(controller.stats().pending).toBe(3);
    bed.target.silent = false;
    await new Promise((resolve) => stream.once('readable', resolve));
    await tick();
    // One chunk is there to be taken, the others wait behind it.
    expect(controller.stats().completed).toBeLessThanOrEqual(4);
    stream.destroy();
  });

  it('lets go of everything when it is destroyed in the middle', async () => {
    bed.target.silent = true;
    const stream = ns.createReadStream({ chunkBytes: 512 });
    stream.read(0);
    await tick();
    stream.destroy();
    await closed(stream);
    bed.target.silent = false;
    await nothingLeft();
  });

  it('ends a loop that is left early', async () => {
    for await (const chunk of ns.createReadStream({ chunkBytes: 512 })) {
      expect(chunk.length).toBe(512);
      break;
    }
    await nothingLeft();
  });

  it('fails with the error of its operation, after what came before it', async () => {
    const stream = ns.createReadStream({ chunkBytes: 512, concurrency: 1 });
    let taken = 0;
    const reading = (async () => {
      for await (const chunk of stream) {
        taken += chunk.length;
        bed.target.failCommands({ sct: 2, sc: 0x81 });
      }
    })();
    await expect(reading).rejects.toMatchObject({ code: 'ERR_SPDK_IO_FAILED' });
    expect(taken).toBeGreaterThanOrEqual(512);
  });

  it('fails when its controller is detached', async () => {
    bed.target.latencyMs = 5;
    const stream = ns.createReadStream({ chunkBytes: 512 });
    const failed = failure(stream);
    stream.resume();
    await tick(1);
    await controller.detach();
    expect(await failed).toMatchObject({
      code: expect.stringMatching(/^ERR_SPDK_(DETACHING|CONTROLLER_DETACHED)$/),
    });
  });

  it('fails with ERR_SPDK_ABORTED when its signal fires, or has fired', async () => {
    bed.target.silent = true;
    const abort = new AbortController();
    const stream = ns.createReadStream({ signal: abort.signal });
    const failed = failure(stream);
    stream.resume();
    abort.abort(new Error('enough'));
    expect(await failed).toMatchObject({ name: 'AbortError', code: 'ERR_SPDK_ABORTED' });
    const late = ns.createReadStream({ signal: abort.signal });
    expect(await failure(late)).toMatchObject({ code: 'ERR_SPDK_ABORTED' });
  });

  it('keeps the time limit of each operation', async () => {
    bed.target.silent = true;
    const stream = ns.createReadStream({ timeoutMs: 10 });
    stream.resume();
    expect(await failure(stream)).toMatchObject({ code: 'ERR_SPDK_TIMEOUT' });
  });

  it('uses the queue pair that was asked for', async () => {
    bed.target.silent = true;
    const [, queuePair] = controller.queuePairs;
    const stream = ns.createReadStream({ chunkBytes: 512, queuePair });
    stream.read(0);
    expect(controller.queuePairs.map(({ pending }) => pending)).toEqual([0, 4]);
    stream.destroy();
    await closed(stream);
  });

  it.each<[string, unknown]>([
    ['ERR_SPDK_UNKNOWN_OPTION', { start: 0 }],
    ['ERR_SPDK_UNKNOWN_OPTION', { flush: true }],
    ['ERR_SPDK_INVALID_ARG_VALUE', { startBytes: -1 }],
    ['ERR_SPDK_OUT_OF_RANGE', { endBytes: size + 1 }],
    ['ERR_SPDK_CONFLICTING_OPTIONS', { startBytes: 2, endBytes: 1 }],
    ['ERR_SPDK_UNALIGNED', { chunkBytes: 513 }],
    ['ERR_SPDK_INVALID_ARG_VALUE', { concurrency: 0 }],
    ['ERR_SPDK_INVALID_ARG_TYPE', { queuePair: {} }],
    ['ERR_SPDK_INVALID_ARG_TYPE', { signal: {} }],
    ['ERR_SPDK_INVALID_ARG_TYPE', []],
  ])('throws %s for %j', (code, options) => {
    const make = () => ns.createReadStream(options as ReadStreamOptions);
    expect(make).toThrow(expect.objectContaining({ code }));
  });
});

describe('namespace.createWriteStream', () => {
  it.each<[WriteStreamOptions, number, number]>([
    [{}, size, 1000],
    [{ chunkBytes: 512, concurrency: 1 }, size, 70],
    [{ chunkBytes: 1024 }, 10_000, 4096],
    [{ startBytes: 3, chunkBytes: 512 }, 1, 1],
    [{ startBytes: 700, chunkBytes: 512 }, 5000, 300],
    [{ startBytes: 512, flush: true }, 513, 513],
    [{ startBytes: 510, chunkBytes: 1024 }, 4, 4],
  ])(
    'puts the bytes where they belong, and keeps the others: %o, %i bytes',
    async (options, bytes, piece) => {
      const before = noise(size, 99);
      space.data.set(before);
      const start = options.startBytes ?? 0;
      const wanted = Buffer.concat([before.subarray(0, start), noise(bytes), before.subarray(start + bytes)]);
      const stream = ns.createWriteStream(options);
      const pieces = Array.from({ length: Math.ceil(bytes / piece) }, (_, i) =>
        noise(bytes).subarray(i * piece, (i + 1) * piece),
      );
      await pipeline(Readable.from(pieces), stream);
      expect(Buffer.from(space.data).equals(wanted)).toBe(true);
      expect(stream.bytesWritten).toBe(bytes);
      expect(regions()).toBeLessThanOrEqual(1);
    },
  );

  it('takes no more than its operations hold while the target does not answer', async () => {
    bed.target.silent = true;
    const stream = ns.createWriteStream({ chunkBytes: 512, concurrency: 3 });
    let written = 0;
    while (stream.write(noise(512))) written++;
    for (let i = 0; i < 20; i++) stream.write(noise(512));
    await tick();
    expect(controller.stats().pending).toBe(3);
    expect(stream.writableNeedDrain).toBe(true);
    bed.target.silent = false;
    await new Promise((resolve) => stream.end(resolve));
    expect(stream.bytesWritten).toBe((written + 21) * 512);
  });

  it('does not mind what becomes of a buffer that it has taken', async () => {
    const stream = ns.createWriteStream();
    const bytes = noise(1000);
    await new Promise((resolve) => stream.write(bytes, resolve));
    bytes.fill(0);
    await new Promise((resolve) => stream.end(resolve));
    expect(Buffer.from(space.data.subarray(0, 1000)).equals(noise(1000))).toBe(true);
  });

  it('fails with a code when a buffer went away before it was taken', async () => {
    bed.target.silent = true;
    const stream = ns.createWriteStream({ chunkBytes: 512, concurrency: 1 });
    const failed = failure(stream);
    stream.write(noise(1024));
    const late = new Uint8Array(2048);
    stream.write(late);
    structuredClone(late.buffer, { transfer: [late.buffer] });
    bed.target.silent = false;
    expect(await failed).toMatchObject({ code: 'ERR_SPDK_INVALID_BUFFER' });
  });

  it('lets go of everything when it is destroyed in the middle', async () => {
    bed.target.silent = true;
    const stream = ns.createWriteStream({ chunkBytes: 512 });
    for (let i = 0; i < 5; i++) stream.write(noise(600));
    await tick();
    stream.destroy();
    await closed(stream);
    bed.target.silent = false;
    await nothingLeft();
    expect(regions()).toBe(0);
  });

  it('refuses what reaches past its end, like ENOSPC', async () => {
    for (const stream of [
      ns.createWriteStream({ startBytes: size - 10 }),
      ns.createWriteStream({ endBytes: 10 }),
    ]) {
      const [failed, ended] = [failure(stream), closed(stream)];
      stream.write(noise(11));
      expect(await failed).toMatchObject({ code: 'ERR_SPDK_OUT_OF_RANGE', errno: -28 });
      await ended;
    }
    expect(space.data.every((byte) => byte === 0)).toBe(true);
  });

  it('fails with the error of its operation, and counts what is there without a gap', async () => {
    const stream = ns.createWriteStream({ chunkBytes: 512, concurrency: 1 });
    stream.write(noise(1024));
    await vi.waitFor(() => expect(stream.bytesWritten).toBe(1024));
    bed.target.failCommands({ sct: 2, sc: 0x80, command: 'write' });
    const failed = failure(stream);
    stream.write(noise(4096));
    expect(await failed).toMatchObject({ code: 'ERR_SPDK_IO_FAILED' });
    expect(stream.bytesWritten).toBe(1024);
  });

  it('fails when its controller is detached', async () => {
    bed.target.latencyMs = 5;
    const stream = ns.createWriteStream({ chunkBytes: 512 });
    const failed = failure(stream);
    stream.write(noise(size - 1));
    await tick(1);
    await controller.detach();
    expect(await failed).toMatchObject({
      code: expect.stringMatching(/^ERR_SPDK_(DETACHING|CONTROLLER_DETACHED)$/),
    });
  });

  it('goes on with ordinary memory when there is no DMA memory left', async () => {
    const memory = bed.addon.environments[0]?.memory;
    if (memory) memory.limitBytes = 1 << 20;
    const stream = ns.createWriteStream({ chunkBytes: size, concurrency: 64 });
    const rest = bed.env.allocate(1 << 19);
    await pipeline(Readable.from([noise(size)]), stream);
    rest.release();
    expect(Buffer.from(space.data).equals(noise(size))).toBe(true);
  });

  it('fails with ERR_SPDK_ABORTED when its signal fires', async () => {
    bed.target.silent = true;
    const abort = new AbortController();
    const stream = ns.createWriteStream({ signal: abort.signal, chunkBytes: 512 });
    const failed = failure(stream);
    stream.write(noise(2048));
    await tick();
    abort.abort();
    expect(await failed).toMatchObject({ code: 'ERR_SPDK_ABORTED' });
  });
});

it('gives up at once what has not been sent when it is destroyed', async () => {
  const [narrow] = (await bed.attach('a', { queueDepth: 2, hostNqn: 'nqn.2026-01.io.spdk:other' }))
    .namespaces;
  bed.target.silent = true;
  const options = { chunkBytes: 512, concurrency: 8 };
  const streams = [
    (narrow as Namespace).createReadStream(options),
    (narrow as Namespace).createWriteStream(options),
  ] as const;
  streams[0].read(0);
  streams[1].write(noise(4096));
  const pending = () => narrow?.controller.stats().pending;
  await vi.waitFor(() => expect(pending()).toBe(16));
  for (const stream of streams) {
    stream.destroy();
    await closed(stream);
  }
  // What the controller has is all that is left.
  expect(pending()).toBe(2);
});

it('copies one namespace to another by pipeline()', async () => {
  const other = bed.disk('b').namespaces.get(1) as MemoryNamespace;
  const [target] = (await bed.attach('b')).namespaces;
  space.data.set(noise(size));
  await pipeline(
    ns.createReadStream({ chunkBytes: 1536 }),
    (target as Namespace).createWriteStream({ chunkBytes: 1024 }),
  );
  expect(Buffer.from(other.data).equals(noise(size))).toBe(true);
});

it('ends a pipeline whose other side fails', async () => {
  const broken = new Writable({ write: (_, __, callback) => callback(new Error('disk full')) });
  await expect(pipeline(ns.createReadStream({ chunkBytes: 512 }), broken)).rejects.toThrow('disk full');
  const failing = Readable.from(
    (async function* () {
      yield noise(700);
      throw new Error('source gone');
    })(),
  );
  await expect(pipeline(failing, ns.createWriteStream({ chunkBytes: 512 }))).rejects.toThrow('source gone');
  await tick();
  expect(controller.stats()).toMatchObject({ pending: 0, outstanding: 0 });
});
