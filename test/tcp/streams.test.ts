// Streams and files over TCP on loopback, against SPDK's own target.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { open } from '../../lib/file/index.js';
import { type Controller, Environment, type Namespace } from '../../lib/index.js';
import { listenerId } from '../../scripts/target/config.js';
import { ensureHugepages } from '../../scripts/target/hugepages.js';
import { type SpdkTarget, startSpdkTarget } from '../../scripts/target/spdk-target.js';
import { Random } from '../../scripts/testing/random.js';

const listener = { trtype: 'TCP', traddr: '127.0.0.1', trsvcid: '4513' } as const;
const nqn = (name: string) => `nqn.2026-11.dev.spdk-nvme:streams-${name}`;
const bytes = (16 << 20) - 12_345;
const start = 54_321;

let folder: string;
let target: SpdkTarget;
let env: Environment;
let controller: Controller;
let ns: Namespace;

beforeAll(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'spdk-nvme-streams-'));
  target = await startSpdkTarget({
    listener,
    core: os.availableParallelism() - 1,
    subsystems: ['one', 'two'].map((name) => ({
      nqn: nqn(name),
      serial: name.toUpperCase(),
      disk: { kind: 'malloc', sizeMb: 32, blockSize: 512 },
    })),
  });
  ensureHugepages(256);
  env = await Environment.init({ pollers: 2, memoryMb: 192 });
  controller = await attach('one');
  ns = controller.namespaces[0] as Namespace;
});
afterEach(() => {
  expect(env.controllers.map((each) => each.stats().pending)).toEqual(env.controllers.map(() => 0));
});
afterAll(async () => {
  await env?.close();
  await target?.stop();
  fs.rmSync(folder, { recursive: true });
});

const attach = (name: string) =>
  env.attach(listenerId(listener, nqn(name)), { ioQueues: 2, timeoutMs: 30_000 });
const sumOf = async (stream: Readable): Promise<string> => {
  const hash = createHash('sha1');
  for await (const chunk of stream) hash.update(chunk);
  return hash.digest('hex');
};

it('carries a file to a namespace, to another one, and back', async () => {
  const file = path.join(folder, 'image');
  fs.writeFileSync(file, new Random(1).bytes(bytes));
  const wanted = await sumOf(fs.createReadStream(file));
  const used = env.stats().memory.usedBytes;

  await pipeline(fs.createReadStream(file), ns.createWriteStream({ startBytes: start, flush: true }));
  const range = { startBytes: start, endBytes: start + bytes };
  expect(await sumOf(ns.createReadStream(range))).toBe(wanted);

  const other = await attach('two');
  const [copy] = other.namespaces as [Namespace];
  await pipeline(
    ns.createReadStream({ ...range, concurrency: 8, chunkBytes: 256 << 10 }),
    copy.createWriteStream({ startBytes: 7, concurrency: 2 }),
  );
  const back = path.join(folder, 'back');
  await pipeline(copy.createReadStream({ startBytes: 7, endBytes: 7 + bytes }), fs.createWriteStream(back));
  expect(await sumOf(fs.createReadStream(back))).toBe(wanted);
  await other.detach();
  // The pool keeps its memory for later use; a stream keeps none.
  expect(env.stats().memory.usedBytes - used).toBeLessThan(32 << 20);
});

it('keeps chunks valid while the program holds them, also after the environment is closed', async () => {
  await pipeline(Readable.from([new Random(3).bytes(16 << 20)]), ns.createWriteStream());
  const program = fileURLToPath(new URL('children/kept-chunks.mjs', import.meta.url));
  // In a separate process, because the test is about its memory.
  const words = ['--expose-gc', program, listenerId(listener, nqn('one'))];
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8' });
  expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: '' });
  expect(JSON.parse(stdout)).toEqual({ kept: 32 + 15, wrong: 0 });
});

it('copies a namespace to another one and to a file through memory that is used again', async () => {
  const image = new Random(4).bytes(16 << 20);
  const wanted = await sumOf(Readable.from([image, image]));
  // What the guide recommends for one sink.
  const reuseAfterChunks = 2;
  await pipeline(Readable.from([image, image]), ns.createWriteStream());
  const other = await attach('two');
  const [copy] = other.namespaces as [Namespace];
  const range = { endBytes: 32 << 20 };
  // 128 MiB, and so more than once around the memory.
  for (const [i, options] of [{}, { chunkBytes: 512 << 10 }, { concurrency: 8 }, {}].entries()) {
    await copy.writeZeroes({ offset: 0, length: 32 << 20 });
    await pipeline(
      ns.createReadStream({ ...range, ...options, reuseAfterChunks }),
      copy.createWriteStream({ ...range, ...options }),
    );
    expect(await sumOf(copy.createReadStream({ ...range, reuseAfterChunks: i + 1 }))).toBe(wanted);
  }
  const file = path.join(folder, 'reused');
  await pipeline(ns.createReadStream({ ...range, reuseAfterChunks }), fs.createWriteStream(file));
  expect(await sumOf(fs.createReadStream(file))).toBe(wanted);
  await other.detach();
});

it('ends with a code when the controller is detached in the middle, either way', async () => {
  for (const way of ['read', 'write'] as const) {
    const other = await attach('two');
    const [disk] = other.namespaces as [Namespace];
    const endless = Readable.from(
      (function* () {
        for (;;) yield Buffer.alloc(64 << 10, 7);
      })(),
    );
    const moving =
      way === 'read'
        ? sumOf(disk.createReadStream({ chunkBytes: 4096 }))
        : pipeline(endless, disk.createWriteStream({ chunkBytes: 4096, concurrency: 16 }));
    const outcome = moving.then(
      () => 'none',
      (error: NodeJS.ErrnoException) => error.code,
    );
    while (other.stats().completed < 20) await new Promise(setImmediate);
    await other.detach({ drainMs: 0 });
    expect(['ERR_SPDK_DETACHING', 'ERR_SPDK_CONTROLLER_DETACHED', 'ERR_SPDK_IO_FAILED']).toContain(
      await outcome,
    );
  }
});

it('gives back the memory of streams that are destroyed in the middle', async () => {
  const used = () => env.stats().memory.usedBytes;
  const round = async () => {
    const streams = [ns.createReadStream(), ns.createWriteStream({ startBytes: 3 })] as const;
    const ends = streams.map((stream) => new Promise((resolve) => stream.once('close', resolve)));
    streams[0].read(0);
    for (let i = 0; i < 3; i++) streams[1].write(Buffer.alloc(1 << 20, i));
    await new Promise(setImmediate);
    for (const stream of streams) stream.destroy();
    await Promise.all(ends);
    while (controller.stats().pending > 0) await new Promise(setImmediate);
  };
  // The pool grows to what the round with the most commands at once needs.
  let withoutGrowth = 0;
  for (let i = 0; i < 100 && withoutGrowth < 20; i++) {
    const before = used();
    await round();
    withoutGrowth = used() > before ? 0 : withoutGrowth + 1;
  }
  expect(withoutGrowth).toBe(20);
});

it('reads and writes files at any byte, and keeps what others write to the same blocks', async () => {
  await using file = await open(ns);
  await using other = await open(ns);
  const random = new Random(2);
  const shadow = random.bytes(64 << 10);
  await file.write(shadow, 0, shadow.length, 0);
  for (let round = 0; round < 20; round++) {
    // Ranges that touch each other, so that most share blocks.
    const cuts = Array.from({ length: 40 }, () => random.below(shadow.length)).sort((a, b) => a - b);
    await Promise.all(
      cuts.slice(1).map(async (end, i) => {
        const from = cuts[i] as number;
        const content = random.bytes(end - from);
        content.copy(shadow, from);
        await (i % 2 === 0 ? file : other).write(content, 0, content.length, from);
      }),
    );
    const from = random.below(4096);
    const { bytesRead, buffer } = await file.read(Buffer.alloc(50_000), 0, 50_000, from);
    expect(bytesRead).toBe(50_000);
    expect(buffer.equals(shadow.subarray(from, from + 50_000))).toBe(true);
  }
  await file.sync();
  expect(await file.read(Buffer.alloc(10), 0, 10, ns.bytes - 4)).toMatchObject({ bytesRead: 4 });
});
