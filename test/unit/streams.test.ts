// Read streams over a namespace in memory, and pipelines: what they carry, how much at once, and how they end.

import { Readable, Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Namespace, ReadStreamOptions } from '../../lib/index.js';
import {
  attachDisk,
  closeDisk,
  closed,
  type Disk,
  expectIdle,
  failure,
  noise,
  diskBytes as size,
  tick,
} from './memory/disk.js';

let disk: Disk;
let fixture: Disk['fixture'];
let controller: Disk['controller'];
let ns: Disk['ns'];
let memory: Disk['memory'];

beforeEach(async () => {
  disk = await attachDisk({ ioQueues: 2 });
  ({ fixture, controller, ns, memory } = disk);
});
afterEach(() => closeDisk(disk));

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
    memory.data.set(noise(size));
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
    fixture.target.silent = true;
    stream.read(0);
    await tick();
    expect(controller.stats().pending).toBe(3);
    fixture.target.silent = false;
    await new Promise((resolve) => stream.once('readable', resolve));
    await tick();
    // One chunk is ready to be read, and the others wait behind it.
    expect(controller.stats().completed).toBeLessThanOrEqual(4);
    stream.destroy();
  });

  it('releases everything when it is destroyed in the middle', async () => {
    fixture.target.silent = true;
    const stream = ns.createReadStream({ chunkBytes: 512 });
    stream.read(0);
    await tick();
    stream.destroy();
    await closed(stream);
    fixture.target.silent = false;
    await expectIdle(disk);
  });

  it('ends a loop that is left early', async () => {
    for await (const chunk of ns.createReadStream({ chunkBytes: 512 })) {
      expect(chunk.length).toBe(512);
      break;
    }
    await expectIdle(disk);
  });

  it('fails with the error of its operation, after what came before it', async () => {
    const stream = ns.createReadStream({ chunkBytes: 512, concurrency: 1 });
    let taken = 0;
    const reading = (async () => {
      for await (const chunk of stream) {
        taken += chunk.length;
        fixture.target.failCommands({ sct: 2, sc: 0x81 });
      }
    })();
    await expect(reading).rejects.toMatchObject({ code: 'ERR_SPDK_IO_FAILED' });
    expect(taken).toBeGreaterThanOrEqual(512);
  });

  it('fails when its controller is detached', async () => {
    fixture.target.latencyMs = 5;
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
    fixture.target.silent = true;
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
    fixture.target.silent = true;
    const stream = ns.createReadStream({ timeoutMs: 10 });
    stream.resume();
    expect(await failure(stream)).toMatchObject({ code: 'ERR_SPDK_TIMEOUT' });
  });

  it('uses the queue pair that was asked for', async () => {
    fixture.target.silent = true;
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

it('drops immediately what has not been sent when it is destroyed', async () => {
  const [narrow] = (await fixture.attach('a', { queueDepth: 2, hostNqn: 'nqn.2026-01.io.spdk:other' }))
    .namespaces;
  fixture.target.silent = true;
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
  // Only the commands that the controller has remain.
  expect(pending()).toBe(2);
});

it('copies one namespace to another by pipeline()', async () => {
  const other = fixture.disk('b').namespaces.get(1) as Disk['memory'];
  const [target] = (await fixture.attach('b')).namespaces;
  memory.data.set(noise(size));
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
