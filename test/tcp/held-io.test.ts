// I/O that the target holds for a while: settled on time by timeoutMs and AbortSignal, with its memory kept until the
// controller has completed it; and a detach in the meantime.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  type AttachOptions,
  type Controller,
  Environment,
  type Namespace,
  type PollingMode,
  type SpdkError,
} from '../../lib/index.js';
import { ensureHugepages } from '../../scripts/target/hugepages.js';
import { type SpdkTarget, startSpdkTarget } from '../../scripts/target/spdk-target.js';
import { eachPolling } from '../integration/support/each-polling.js';
import { codeOf, eventually } from '../integration/support/timing.js';

const listener = { trtype: 'TCP', traddr: '127.0.0.1', trsvcid: '4463' } as const;
const nqn = 'nqn.2026-11.dev.spdk-nvme:held';
const sizeMb = 8;
/**
 * How long the target holds every read and write; a rejection after that time has waited for the response. Other programs
 * may have the processors for a second.
 */
const heldMs = 1_300;
/** What the tests give an operation. */
const shortMs = 80;
/** For a response of the target on a slow machine. */
const responseMs = 6_000;

let folder: string;
let backing: string;
let target: SpdkTarget;
let env: Environment;

beforeAll(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'spdk-nvme-held-'));
  backing = path.join(folder, 'disk');
  fs.writeFileSync(backing, Buffer.alloc(sizeMb << 20, 0x11));
  target = await startSpdkTarget({
    listener,
    core: os.availableParallelism() - 1,
    subsystems: [
      {
        nqn,
        serial: 'HELD',
        disk: { kind: 'delay', sizeMb, blockSize: 512, delayUs: heldMs * 1000, path: backing },
      },
    ],
  });
  ensureHugepages(256);
  env = await Environment.init({ pollers: 2, memoryMb: 256 });
});
afterEach(async () => {
  await Promise.all(env.controllers.map((controller) => controller.detach({ drainMs: 0 })));
});
afterAll(async () => {
  await env?.close();
  await target?.stop();
  fs.rmSync(folder, { recursive: true });
});

/** The outcome of an operation and the milliseconds it took. */
async function outcome(promise: Promise<unknown>): Promise<{ error: SpdkError | undefined; ms: number }> {
  const begun = performance.now();
  const error = await promise.then(
    () => undefined,
    (rejected: SpdkError) => rejected,
  );
  return { error, ms: performance.now() - begun };
}

const quiet = (controller: Controller) =>
  eventually(responseMs, () => controller.queuePairs.every(({ pending }) => pending === 0));

async function attach(polling: PollingMode, options: AttachOptions = {}): Promise<Namespace> {
  const id = `trtype:TCP adrfam:IPv4 traddr:${listener.traddr} trsvcid:${listener.trsvcid} subnqn:${nqn}`;
  // A host of its own, since several have one subsystem.
  const hostNqn = `nqn.2026-11.dev.spdk-nvme:host-${polling}`;
  const controller = await env.attach(id, { polling, hostNqn, timeoutMs: 30_000, ...options });
  return controller.namespaces[0] as Namespace;
}

describe('I/O that is held, however it is polled,', () => {
  it('settles by its time limit and by its signal, not by the target', () =>
    eachPolling(async (polling) => {
      const ns = await attach(polling, { ioQueues: 2 });
      const block = () => Buffer.alloc(512);
      const abort = new AbortController();
      const reason = new Error('not needed any more');
      const whole = outcome(ns.read(block(), { offset: 0 }));
      const given = [
        outcome(ns.read(block(), { offset: 0, timeoutMs: shortMs })),
        outcome(ns.write(block(), { offset: 4096, timeoutMs: shortMs })),
        outcome(ns.readv([env.allocate(512), env.allocate(512)], { offset: 0, timeoutMs: shortMs })),
        outcome(ns.writev([block(), block()], { offset: 8192, signal: abort.signal })),
        outcome(ns.read(env.allocate(512), { offset: 0, signal: abort.signal, timeoutMs: 60_000 })),
      ];
      await sleep(shortMs);
      abort.abort(reason);
      const codes = ['TIMEOUT', 'TIMEOUT', 'TIMEOUT', 'ABORTED', 'ABORTED'];
      for (const [i, { error, ms }] of (await Promise.all(given)).entries()) {
        expect(error?.code).toBe(`ERR_SPDK_${codes[i]}`);
        expect(ms).toBeGreaterThan(shortMs - 15);
        expect(ms).toBeLessThan(heldMs);
        if (codes[i] === 'ABORTED') expect(error).toMatchObject({ name: 'AbortError', cause: reason });
      }
      // The controller still has them, and they count until it completes them.
      expect(ns.controller.queuePairs.reduce((sum, { pending }) => sum + pending, 0)).toBe(6);
      expect(await whole).toMatchObject({ error: undefined });
      expect(await quiet(ns.controller)).toBe(true);
      // The queues go on.
      expect(await codeOf(ns.read(block(), { offset: 0 }))).toBe('none');
    }));

  it('keeps its memory until the controller has completed it', () =>
    eachPolling(async (polling) => {
      const ns = await attach(polling);
      const length = 1 << 20;
      const dma = env.allocate(length);
      expect(await codeOf(ns.read(dma, { offset: 0, timeoutMs: shortMs }))).toBe('ERR_SPDK_TIMEOUT');
      dma.release();
      // Rejected for new commands, but there: the data is still to come.
      expect(dma.length).toBe(length);
      expect(await codeOf(ns.write(dma, { offset: 0 }))).toBe('ERR_SPDK_INVALID_BUFFER');
      const later = Array.from({ length: 32 }, () => env.allocate(length).fill(0xa5));
      expect(await eventually(responseMs, () => dma.length === 0)).toBe(true);
      expect(later.every((buffer) => buffer.every((byte) => byte === 0xa5))).toBe(true);
      for (const buffer of later) buffer.release();
    }));

  it('may lose its buffers', () =>
    eachPolling(async (polling) => {
      const ns = await attach(polling);
      // The buffer is never written after the read was cancelled: the memory may belong to other code by then.
      const plain = new Uint8Array(4096).fill(0x77);
      const dma = env.allocate(4096).fill(0x77);
      const codes = [plain, dma].map((buffer) => codeOf(ns.read(buffer, { offset: 0, timeoutMs: shortMs })));
      const gone = new Uint8Array(4096);
      codes.push(codeOf(ns.read(gone, { offset: 0, timeoutMs: shortMs })));
      codes.push(codeOf(ns.write(env.allocate(4096).fill(0x22), { offset: 65_536, timeoutMs: shortMs })));
      structuredClone(gone.buffer, { transfer: [gone.buffer] });
      expect(await Promise.all(codes)).toEqual(new Array(4).fill('ERR_SPDK_TIMEOUT'));
      // Node.js does not release native memory: it copies it, or rejects.
      try {
        structuredClone(dma.buffer, { transfer: [dma.buffer] });
      } catch (error) {
        expect((error as Error).name).toBe('DataCloneError');
      }
      expect(dma.length).toBe(4096);
      expect(await quiet(ns.controller)).toBe(true);
      expect(plain.every((byte) => byte === 0x77)).toBe(true);
      // The read has arrived there, as the documentation says it may.
      expect(dma.every((byte) => byte === 0x11)).toBe(true);
      expect(await codeOf(ns.write(new Uint8Array(512), { offset: 1 << 20 }))).toBe('none');
    }));

  it('is not sent if it is cancelled before there is room for it', () =>
    eachPolling(async (polling, nth) => {
      const ns = await attach(polling, { queueDepth: 2 });
      const size = 512;
      const base = (2 << 20) + nth * (64 << 10);
      const before = ns.controller.stats().completed;
      const abort = new AbortController();
      const sent: Promise<string>[] = [];
      const given: Promise<string>[] = [];
      // A target may grant more room than was asked for.
      const room = ns.controller.info.queueDepth;
      for (let i = 0; i < room; i++) {
        sent.push(codeOf(ns.write(Buffer.alloc(size, 1), { offset: base + i * size })));
      }
      for (let i = 0; i < 2; i++) {
        const offset = base + (room + i) * size;
        const limit = i === 0 ? { timeoutMs: shortMs } : { signal: abort.signal };
        given.push(codeOf(ns.write(Buffer.alloc(size, 2), { offset, ...limit })));
      }
      sent.push(codeOf(ns.write(Buffer.alloc(size, 1), { offset: base + (room + 2) * size })));
      abort.abort();
      expect(await Promise.all(given)).toEqual(['ERR_SPDK_TIMEOUT', 'ERR_SPDK_ABORTED']);
      expect(await Promise.all(sent)).toEqual(new Array(room + 1).fill('none'));
      const disk = fs.readFileSync(backing).subarray(base, base + (room + 3) * size);
      const blocks = Array.from({ length: room + 3 }, (_, i) => disk[i * size]);
      expect(blocks).toEqual([...new Array(room).fill(1), 0x11, 0x11, 1]);
      expect(ns.controller.stats().completed - before).toBe(room + 1);
    }));

  it('is aborted by a detach that does not wait for it, and completed by one that does', () =>
    eachPolling(async (polling) => {
      for (const [drainMs, timeoutMs, code] of [
        [shortMs, 2 * responseMs, 'ERR_SPDK_IO_FAILED'],
        [shortMs, shortMs, 'ERR_SPDK_IO_FAILED'],
        [responseMs, 2 * responseMs, 'none'],
      ] as const) {
        const ns = await attach(polling, { ioQueues: 2 });
        const count = 16;
        const codes = Array.from({ length: count }, (_, i) =>
          codeOf(ns.write(Buffer.alloc(512, 0x33), { offset: (4 << 20) + i * 512 })),
        );
        const abort = new AbortController();
        const given = codeOf(ns.read(Buffer.alloc(512), { offset: 0, signal: abort.signal }));
        await vi.waitFor(() => expect(ns.controller.stats().outstanding).toBe(count + 1));
        const detached = outcome(ns.controller.detach({ drainMs, timeoutMs }));
        // The controller still has it, so the report counts it.
        abort.abort();
        const { ms } = await detached;
        const report = await ns.controller.detach();
        const ended = count + 1;
        expect(report).toMatchObject(
          code === 'none' ? { completed: ended, aborted: 0 } : { completed: 0, aborted: ended },
        );
        expect(await Promise.all(codes)).toEqual(new Array(count).fill(code));
        expect(await given).toBe('ERR_SPDK_ABORTED');
        if (code === 'none') {
          expect(ms).toBeGreaterThan(heldMs / 2);
          const disk = fs.readFileSync(backing).subarray(4 << 20, (4 << 20) + count * 512);
          expect(disk.every((byte) => byte === 0x33)).toBe(true);
        }
      }
    }));
});
