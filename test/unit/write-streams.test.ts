// Write streams over a namespace in memory: what they carry, how much at once, and how they end.

import { once } from 'node:events';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { WriteStreamOptions } from '../../lib/index.js';
import {
  attachDisk,
  closeDisk,
  closed,
  type Disk,
  expectIdle,
  failure,
  noise,
  regionsOf,
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
      memory.data.set(before);
      const start = options.startBytes ?? 0;
      const wanted = Buffer.concat([before.subarray(0, start), noise(bytes), before.subarray(start + bytes)]);
      const stream = ns.createWriteStream(options);
      const pieces = Array.from({ length: Math.ceil(bytes / piece) }, (_, i) =>
        noise(bytes).subarray(i * piece, (i + 1) * piece),
      );
      await pipeline(Readable.from(pieces), stream);
      expect(Buffer.from(memory.data).equals(wanted)).toBe(true);
      expect(stream.bytesWritten).toBe(bytes);
      expect(regionsOf(disk)).toBeLessThanOrEqual(1);
    },
  );

  it.each([512, 2048])('has copied all chunks of %i bytes when it emits drain', async (chunkBytes) => {
    fixture.target.latencyMs = 1;
    const wanted = noise(size);
    for (const buffer of [Buffer.alloc(chunkBytes), fixture.env.allocate(chunkBytes)]) {
      memory.data.fill(0);
      const stream = ns.createWriteStream({ chunkBytes });
      for (let at = 0; at < size; at += chunkBytes) {
        wanted.copy(buffer, 0, at);
        expect(stream.write(buffer)).toBe(false);
        await once(stream, 'drain');
      }
      stream.end();
      await closed(stream);
      expect(Buffer.from(memory.data).equals(wanted)).toBe(true);
    }
  });

  it('accepts no more than its operations hold while the target does not respond', async () => {
    fixture.target.silent = true;
    const stream = ns.createWriteStream({ chunkBytes: 512, concurrency: 3 });
    let written = 0;
    while (stream.write(noise(512))) written++;
    for (let i = 0; i < 20; i++) stream.write(noise(512));
    await tick();
    expect(controller.stats().pending).toBe(3);
    expect(stream.writableNeedDrain).toBe(true);
    fixture.target.silent = false;
    await new Promise((resolve) => stream.end(resolve));
    expect(stream.bytesWritten).toBe((written + 21) * 512);
  });

  it('does not mind what becomes of a buffer that it has taken', async () => {
    const stream = ns.createWriteStream();
    const bytes = noise(1000);
    await new Promise((resolve) => stream.write(bytes, resolve));
    bytes.fill(0);
    await new Promise((resolve) => stream.end(resolve));
    expect(Buffer.from(memory.data.subarray(0, 1000)).equals(noise(1000))).toBe(true);
  });

  it.each([
    ['transferred', (memory: ArrayBuffer) => void structuredClone(memory, { transfer: [memory] })],
    // Without the error Node.js's Writable counts its bytes as not yet written for good, and never finishes.
    ['shrunk', (memory: ArrayBuffer & { resize?(bytes: number): void }) => memory.resize?.(512)],
  ])('fails with a code when a buffer was %s before it was taken', async (_, lose) => {
    fixture.target.silent = true;
    const stream = ns.createWriteStream({ chunkBytes: 512, concurrency: 1 });
    const failed = failure(stream);
    stream.write(noise(1024));
    const late: ArrayBuffer = Reflect.construct(ArrayBuffer, [2048, { maxByteLength: 2048 }]);
    stream.write(new Uint8Array(late));
    stream.end();
    lose(late);
    fixture.target.silent = false;
    expect(await failed).toMatchObject({ code: 'ERR_SPDK_INVALID_BUFFER' });
  });

  it('releases everything when it is destroyed in the middle', async () => {
    fixture.target.silent = true;
    const stream = ns.createWriteStream({ chunkBytes: 512 });
    for (let i = 0; i < 5; i++) stream.write(noise(600));
    await tick();
    stream.destroy();
    await closed(stream);
    fixture.target.silent = false;
    await expectIdle(disk);
    expect(regionsOf(disk)).toBe(0);
  });

  it('rejects what reaches past its end, like ENOSPC', async () => {
    for (const stream of [
      ns.createWriteStream({ startBytes: size - 10 }),
      ns.createWriteStream({ endBytes: 10 }),
    ]) {
      const [failed, ended] = [failure(stream), closed(stream)];
      stream.write(noise(11));
      expect(await failed).toMatchObject({ code: 'ERR_SPDK_OUT_OF_RANGE', errno: -28 });
      await ended;
    }
    expect(memory.data.every((byte) => byte === 0)).toBe(true);
  });

  it('fails with the error of its operation, and counts what is there without a gap', async () => {
    const stream = ns.createWriteStream({ chunkBytes: 512, concurrency: 1 });
    stream.write(noise(1024));
    await vi.waitFor(() => expect(stream.bytesWritten).toBe(1024));
    fixture.target.failCommands({ sct: 2, sc: 0x80, command: 'write' });
    const failed = failure(stream);
    stream.write(noise(4096));
    expect(await failed).toMatchObject({ code: 'ERR_SPDK_IO_FAILED' });
    expect(stream.bytesWritten).toBe(1024);
  });

  it('fails when its controller is detached', async () => {
    fixture.target.latencyMs = 5;
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
    const dma = fixture.addon.environments[0]?.memory;
    if (dma) dma.limitBytes = 1 << 20;
    const stream = ns.createWriteStream({ chunkBytes: size, concurrency: 64 });
    const rest = fixture.env.allocate(1 << 19);
    await pipeline(Readable.from([noise(size)]), stream);
    rest.release();
    expect(Buffer.from(memory.data).equals(noise(size))).toBe(true);
  });

  it('fails with ERR_SPDK_ABORTED when its signal fires', async () => {
    fixture.target.silent = true;
    const abort = new AbortController();
    const stream = ns.createWriteStream({ signal: abort.signal, chunkBytes: 512 });
    const failed = failure(stream);
    stream.write(noise(2048));
    await tick();
    abort.abort();
    expect(await failed).toMatchObject({ code: 'ERR_SPDK_ABORTED' });
  });
});
