// Memory of the chunks of read streams: it is used again when nothing reaches it, never before, and not kept without a stream.

import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { beforeEach, expect, it, vi } from 'vitest';
import { native, useAddon } from '../../lib/native/addon.js';
import type { NativeBufferPool } from '../../lib/native/contract.js';
import { ChunkMemory } from '../../lib/streams/chunk-memory.js';
import { collectGarbage } from '../support/collect-garbage.js';

const { BufferPool } = native();
const addon = path.resolve(import.meta.dirname, '../../build/Release/spdk_nvme.node');
const bytes = 1 << 20;
const many = 96;
/** What the rest of the process may allocate or free meanwhile. */
const tolerance = 32 * bytes;

/** Tries until it succeeds, after a collection each time. */
const eventually = (attempt: () => boolean) =>
  vi.waitUntil(
    async () => {
      collectGarbage();
      await turn();
      return attempt();
    },
    { timeout: 15_000 },
  );

const take = (pool: NativeBufferPool): Buffer => pool.take({ bytes }) as Buffer;
const takeMany = (pool: NativeBufferPool): Buffer[] => Array.from({ length: many }, () => take(pool).fill(1));
const resident = () => process.memoryUsage.rss();

/** What earlier tests left is not returned in the middle of a measurement. */
beforeEach(async () => {
  // What is finalized after one collection may make more garbage.
  for (let i = 0; i < 5; i++) {
    collectGarbage();
    await turn();
  }
});

it('is used again when nothing reaches it, and never before', async () => {
  const pool = new BufferPool();
  const marks = [1, 2, 3, 4, 5, 6, 7, 8];
  // A view, and the ArrayBuffer alone; the rest is garbage immediately.
  const views = marks.map((mark) => {
    const buffer = take(pool).fill(mark);
    if (mark === 1) return buffer.subarray(bytes - 1);
    return mark === 2 ? buffer.buffer : undefined;
  });
  const again: Buffer[] = [];
  const seen = new Set<number>();
  await eventually(() => {
    const buffer = take(pool);
    if (buffer[0] !== 0) seen.add(buffer[0] as number);
    again.push(buffer.fill(0xff));
    return seen.size === marks.length - 2;
  });
  expect([...seen].sort()).toEqual([3, 4, 5, 6, 7, 8]);
  expect(views[0]).toEqual(Buffer.of(1));
  expect(new Uint8Array(views[1] as ArrayBuffer, bytes - 1)).toEqual(Uint8Array.of(2));
  expect(again.every((buffer) => buffer.every((byte) => byte === 0xff))).toBe(true);
  pool.close();
});

it('is returned to the system when no stream is open, whether it is reachable then or idle', async () => {
  const before = resident();
  const pool = new BufferPool();
  const other = new BufferPool();
  let held: Buffer[] | undefined = takeMany(pool);
  pool.close();
  expect(resident() - before).toBeGreaterThan(many * bytes - tolerance);
  other.close();
  collectGarbage();
  await turn();
  expect(held.every((buffer) => buffer[bytes - 1] === 1)).toBe(true);
  held = undefined;
  await eventually(() => resident() - before < tolerance);

  const third = new BufferPool();
  takeMany(third);
  // Idle now, and kept for the next chunks.
  await eventually(() => process.memoryUsage().external < tolerance);
  await turn();
  third.close();
  await eventually(() => resident() - before < tolerance);
});

it('is returned when a stream was forgotten', async () => {
  const before = resident();
  (() => takeMany(new BufferPool()))();
  await eventually(() => resident() - before < tolerance);
});

it('counts for the garbage collector', () => {
  const pool = new BufferPool();
  const before = process.memoryUsage().external;
  const held = takeMany(pool);
  expect(process.memoryUsage().external - before).toBeGreaterThanOrEqual(many * bytes - tolerance);
  expect(held).toHaveLength(many);
  pool.close();
});

it('of a worker is returned when that is terminated', async () => {
  const script = `
    const { parentPort } = require('node:worker_threads');
    const { BufferPool } = require(${JSON.stringify(addon)});
    const pool = new BufferPool();
    globalThis.held = Array.from({ length: ${many} }, () => pool.take({ bytes: ${bytes} }).fill(1));
    parentPort.postMessage('filled');
    setInterval(() => {}, 1_000);`;
  const worker = new Worker(script, { eval: true, execArgv: [] });
  await once(worker, 'message');
  const filled = resident();
  await worker.terminate();
  await vi.waitUntil(() => filled - resident() > many * bytes - tolerance, { timeout: 15_000 });
});

it('is the own memory of Node.js in a worker, so that it outlives the worker when it is transferred', async () => {
  const module = path.resolve(import.meta.dirname, '../../lib/streams/chunk-memory.ts');
  const script = `
    const { parentPort } = require('node:worker_threads');
    require('tsx/cjs');
    const { ChunkMemory } = require(${JSON.stringify(module)});
    const { buffer } = new ChunkMemory().take(${bytes}).fill(9);
    parentPort.postMessage(buffer, [buffer]);`;
  const worker = new Worker(script, { eval: true, execArgv: ['--no-warnings'] });
  const ended = once(worker, 'exit');
  const [buffer] = (await once(worker, 'message')) as [ArrayBuffer];
  await ended;
  expect(new Uint8Array(buffer).every((byte) => byte === 9)).toBe(true);
});

it('is not transferred to another thread, and can be copied', () => {
  const memory = new ChunkMemory();
  const chunk = memory.take(bytes).fill(5);
  const copy = structuredClone(chunk);
  try {
    // Node.js 20 copies here, too.
    structuredClone(chunk, { transfer: [chunk.buffer as ArrayBuffer] });
  } catch (error) {
    expect(error).toMatchObject({ name: 'DataCloneError' });
  }
  chunk.fill(6);
  expect(copy.every((byte) => byte === 5)).toBe(true);
  memory.close();
});

it('does not stop a process from ending', () => {
  const script = `
    const { BufferPool } = require(${JSON.stringify(addon)});
    globalThis.pool = new BufferPool();
    globalThis.held = pool.take({ bytes: ${bytes} }).fill(1);`;
  const { status, signal, stderr } = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' });
  expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: '' });
});

it('is that of chunks from 128 KiB on, and new memory where there is none', () => {
  const asked: number[] = [];
  let closed = 0;
  class NoMemory implements NativeBufferPool {
    take(request: { bytes: number }): null {
      asked.push(request.bytes);
      return null;
    }
    close(): void {
      closed++;
    }
  }
  const before = useAddon({ ...native(), BufferPool: NoMemory });
  try {
    const memory = new ChunkMemory();
    const lengths = [1, (128 << 10) - 1, 128 << 10, bytes];
    expect(lengths.map((length) => memory.take(length).length)).toEqual(lengths);
    expect(asked).toEqual([128 << 10, bytes]);
    memory.close();
    expect(closed).toBe(1);
  } finally {
    useAddon(before);
  }
});

it('has a size that native code checks', () => {
  const pool = new BufferPool();
  for (const wrong of [0, -1, 1.5, Number.NaN, (64 << 20) + 1, '1', undefined]) {
    expect(() => pool.take({ bytes: wrong as number })).toThrow(/bytes/);
  }
  pool.close();
});
