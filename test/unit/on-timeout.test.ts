// Operations that are timed out or aborted, and what happens to them at the controller.

import { describe, expect, it, vi } from 'vitest';
import type { Controller, Environment, Namespace, OperationOptions, SpdkError } from '../../lib/index.js';
import { simulatedDisk } from './memory/simulated-disk.js';

const disk = simulatedDisk(8192);

async function attach(
  options?: Parameters<Environment['attach']>[1],
): Promise<{ controller: Controller; ns: Namespace }> {
  const controller = await disk.env.attach(disk.subsystem.id, { queueDepth: 8, ...options });
  return { controller, ns: controller.namespaces[0] as Namespace };
}

async function timed(promise: Promise<unknown>): Promise<{ error: SpdkError; ms: number }> {
  const begun = performance.now();
  const error = await promise.then(
    () => new Error('was fulfilled'),
    (reason: unknown) => reason,
  );
  return { error: error as SpdkError, ms: performance.now() - begun };
}
/**
 * The latency of a target whose responses come after the time limits of 20 ms, also on a busy machine: what has ended while this thread
 * did not run has not timed out.
 */
const lateMs = 600;
/** The same where an Abort or a detach ends the commands, so that no test waits for the response. */
const neverMs = 60_000;
const later = Buffer.alloc(512, 'new');
const first = Buffer.alloc(512, 'old');
const stored = () => Buffer.from(disk.subsystem.namespaces.get(1)?.data.subarray(0, 512) ?? []);
/** A command that is cancelled before it is sent has no outcome. */
const sent = (controller: Controller, commands: number) =>
  vi.waitFor(() => expect(controller.stats().outstanding).toBe(commands), { interval: 2 });
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('a write that is given up after its time', () => {
  it('is carried out over what was written since, with `none`', async () => {
    const { ns } = await attach();
    disk.target.latencyMs = lateMs;
    const { error } = await timed(ns.write(first, { offset: 0, timeoutMs: 20 }));
    expect(error).toMatchObject({ code: 'ERR_SPDK_TIMEOUT' });
    expect(error.outcome).toBeUndefined();
    disk.target.latencyMs = 0;
    await ns.write(later, { offset: 0 });
    await pause(lateMs);
    expect(stored().equals(first)).toBe(true);
  });

  it.each(['operation', 'attach'])('is not, with `abort` of the %s', async (whose) => {
    const onTimeout = 'abort';
    const { ns } = await attach(whose === 'attach' ? { onTimeout } : {});
    disk.target.latencyMs = 2 * lateMs;
    const options: OperationOptions = whose === 'attach' ? {} : { onTimeout };
    const { error, ms } = await timed(ns.write(first, { offset: 0, timeoutMs: 20, ...options }));
    expect(error).toMatchObject({ code: 'ERR_SPDK_TIMEOUT', outcome: 'aborted' });
    expect(error.message).toContain('does not carry it out any more');
    expect(ms).toBeLessThan(2 * lateMs);
    disk.target.latencyMs = 0;
    await ns.write(later, { offset: 0 });
    await pause(2 * lateMs);
    expect(stored().equals(later)).toBe(true);
  });

  it('says that it was carried out, where the controller ignores the Abort', async () => {
    disk.subsystem.abortsCommands = false;
    const { ns } = await attach({ onTimeout: 'abort' });
    const respond = vi.spyOn(disk.target, 'respond');
    let carryOut = () => {};
    respond.mockImplementationOnce((reply) => {
      carryOut = reply;
    });
    const writing = timed(ns.write(first, { offset: 0, timeoutMs: 20 }));
    // The write and the Abort, whose response comes before that of the write.
    await vi.waitFor(() => expect(respond).toHaveBeenCalledTimes(2));
    await pause(20);
    carryOut();
    expect((await writing).error).toMatchObject({ code: 'ERR_SPDK_TIMEOUT', outcome: 'completed' });
    expect(stored().equals(first)).toBe(true);
  });

  it.each(['abort', 'reset'] as const)(
    'says after a second that nobody knows, with `%s`',
    async (onTimeout) => {
      const { controller, ns } = await attach({ onTimeout, keepAliveMs: 0, timeoutMs: 60_000 });
      disk.target.silent = true;
      const { error, ms } = await timed(ns.write(first, { offset: 0, timeoutMs: 20 }));
      expect(error).toMatchObject({ code: 'ERR_SPDK_TIMEOUT', outcome: 'unknown' });
      expect(ms).toBeLessThan(5_000);
      disk.target.silent = false;
      await expect.poll(() => controller.state, { timeout: 10_000 }).toBe('attached');
      await ns.write(later, { offset: 0 });
    },
  );
});

describe('a signal', () => {
  it('resets the controller once with `reset` for several writes, and none is sent again', async () => {
    const { controller, ns } = await attach({ onTimeout: 'reset', ctrlrLossTimeoutMs: 5_000 });
    let resets = 0;
    controller.on('resetting', () => resets++);
    disk.target.latencyMs = lateMs;
    const abort = new AbortController();
    const { signal } = abort;
    const writes = [0, 1, 2].map((i) => timed(ns.write(first, { offset: i * 512, signal })));
    await sent(controller, writes.length);
    abort.abort();
    for (const { error } of await Promise.all(writes)) {
      expect(error).toMatchObject({ code: 'ERR_SPDK_ABORTED', outcome: 'unknown' });
    }
    disk.target.latencyMs = 0;
    await expect.poll(() => controller.state, { timeout: 10_000 }).toBe('attached');
    await ns.write(later, { offset: 0 });
    await pause(lateMs);
    expect(stored().equals(later)).toBe(true);
    expect(resets).toBe(1);
  });

  it('has the controller abort a command, too', async () => {
    const { ns, controller } = await attach();
    disk.target.latencyMs = neverMs;
    const abort = new AbortController();
    const writing = timed(ns.write(first, { offset: 0, signal: abort.signal, onTimeout: 'abort' }));
    await sent(controller, 1);
    abort.abort();
    const { error } = await writing;
    expect(error).toMatchObject({ code: 'ERR_SPDK_ABORTED', name: 'AbortError', outcome: 'aborted' });
    expect(error.cause).toBe(abort.signal.reason);
  });

  it('that fires in the same turn ends a command before it is sent', async () => {
    const { ns } = await attach();
    const abort = new AbortController();
    const writing = timed(ns.write(first, { offset: 0, signal: abort.signal, onTimeout: 'abort' }));
    abort.abort();
    expect((await writing).error).toMatchObject({ code: 'ERR_SPDK_ABORTED' });
  });

  it('ends an operation that waits for room without an Abort', async () => {
    const { ns, controller } = await attach();
    disk.target.latencyMs = 100;
    const running = Array.from({ length: 8 }, () => ns.read(Buffer.alloc(512), { offset: 0 }));
    const abort = new AbortController();
    const waiting = timed(ns.write(first, { offset: 0, signal: abort.signal, onTimeout: 'abort' }));
    abort.abort();
    expect((await waiting).error.outcome).toBeUndefined();
    await Promise.all(running);
    expect(controller.stats().pending).toBe(0);
  });
});

describe('slots of the ring', () => {
  it('are used again only after the Abort, and all of them', async () => {
    const { ns, controller } = await attach({ onTimeout: 'abort' });
    for (let round = 0; round < 5; round++) {
      disk.target.latencyMs = neverMs;
      const writes = Array.from({ length: 16 }, (_, i) =>
        timed(ns.write(first, { offset: i * 512, timeoutMs: 5 })),
      );
      for (const { error } of await Promise.all(writes)) expect(error.code).toBe('ERR_SPDK_TIMEOUT');
      disk.target.latencyMs = 0;
      await Promise.all(Array.from({ length: 32 }, () => ns.read(Buffer.alloc(512), { offset: 0 })));
    }
    expect(controller.stats().pending).toBe(0);
  });

  it('hold several commands of one operation', async () => {
    const { ns } = await attach({ onTimeout: 'abort' });
    disk.target.latencyMs = 800;
    const { error } = await timed(ns.write(Buffer.alloc(3 << 20, 'old'), { offset: 0, timeoutMs: 20 }));
    expect(error).toMatchObject({ code: 'ERR_SPDK_TIMEOUT', outcome: 'aborted' });
    await pause(900);
    expect(disk.subsystem.namespaces.get(1)?.data.every((byte) => byte === 0)).toBe(true);
  });

  it('and a raw command, which is never cancelled otherwise', async () => {
    const { ns } = await attach();
    disk.target.latencyMs = 800;
    const flush = { opcode: 0 };
    const { error } = await timed(ns.raw(flush, { timeoutMs: 20, onTimeout: 'abort' }));
    expect(error).toMatchObject({ code: 'ERR_SPDK_TIMEOUT', outcome: 'aborted' });
  });
});

it('a detach ends what waits for the end of an Abort', async () => {
  const { ns, controller } = await attach({ onTimeout: 'abort', keepAliveMs: 0 });
  disk.target.silent = true;
  const respond = vi.spyOn(disk.target, 'respond');
  const writing = timed(ns.write(first, { offset: 0, timeoutMs: 20 }));
  // The write and the Abort.
  await vi.waitFor(() => expect(respond).toHaveBeenCalledTimes(2));
  await controller.detach({ drainMs: 0 });
  expect((await writing).error).toMatchObject({ code: 'ERR_SPDK_TIMEOUT', outcome: 'unknown' });
});

it('over several paths an operation has it, too', async () => {
  const subsystem = await disk.env.attachSubsystem([disk.subsystem.id]);
  const [ns] = subsystem.namespaces;
  disk.target.latencyMs = 800;
  const { error } = await timed(
    ns?.write(first, { offset: 0, timeoutMs: 20, onTimeout: 'abort' }) as Promise<void>,
  );
  expect(error).toMatchObject({ code: 'ERR_SPDK_TIMEOUT', outcome: 'aborted' });
  disk.target.latencyMs = 0;
  await subsystem.detach();
});

it('over several paths, a later write of the same blocks waits until it has ended at the controller', async () => {
  // Otherwise the older data would come last.
  disk.subsystem.abortsCommands = false;
  const subsystem = await disk.env.attachSubsystem([disk.subsystem.id]);
  const [ns] = subsystem.namespaces;
  disk.target.latencyMs = lateMs;
  const limits = { timeoutMs: 20, onTimeout: 'abort' } as const;
  const timedOut = timed(ns?.write(first, { offset: 0, ...limits }) as Promise<void>);
  const writing = ns?.write(later, { offset: 0 });
  await pause(5);
  disk.target.latencyMs = 0;
  expect((await timedOut).error).toMatchObject({ code: 'ERR_SPDK_TIMEOUT', outcome: 'completed' });
  await writing;
  expect(stored().equals(later)).toBe(true);
  await subsystem.detach();
});

it('a stream has it, too', async () => {
  const { ns } = await attach();
  disk.target.latencyMs = 800;
  const reading = ns.createReadStream({ timeoutMs: 20, onTimeout: 'abort' });
  const error = await new Promise((resolve) => reading.once('error', resolve).resume());
  expect(error).toMatchObject({ code: 'ERR_SPDK_TIMEOUT', outcome: 'aborted' });
});

it('commands of a batch have none, and say so', async () => {
  const { ns, controller } = await attach();
  const batch = controller.queuePairs[0]?.openBatch();
  const buffer = disk.env.allocate(512);
  const onTimeout = { onTimeout: 'abort' } as object;
  const unknown = { code: 'ERR_SPDK_UNKNOWN_OPTION' };
  expect(() => batch?.write({ namespace: ns, buffer, offset: 0, ...onTimeout })).toThrow(
    expect.objectContaining(unknown),
  );
  expect(() => batch?.flush({ namespace: ns, ...onTimeout })).toThrow(expect.objectContaining(unknown));
  await expect(batch?.wait({ ...onTimeout })).rejects.toMatchObject(unknown);
  expect(batch?.outstanding).toBe(0);
  batch?.close();
});

describe('other values', () => {
  it.each(['', 'Abort', 'kill'])('%j is rejected at once', async (onTimeout) => {
    const bad = { onTimeout } as never;
    await expect(disk.env.attach(disk.subsystem.id, bad)).rejects.toMatchObject({
      code: 'ERR_SPDK_INVALID_ARG_VALUE',
    });
    const { ns } = await attach();
    const reading = ns.read(Buffer.alloc(512), { offset: 0, ...(bad as object) });
    await expect(reading).rejects.toMatchObject({ code: 'ERR_SPDK_INVALID_ARG_VALUE' });
  });
});

describe('a stream of reads with `reset`', () => {
  const options = { chunkBytes: 4096, concurrency: 4 };

  async function reading(): Promise<{ controller: Controller; ns: Namespace; resets: () => number }> {
    const { controller, ns } = await attach({ onTimeout: 'reset', ctrlrLossTimeoutMs: 5_000 });
    let resets = 0;
    controller.on('resetting', () => resets++);
    disk.target.latencyMs = lateMs;
    return { controller, ns, resets: () => resets };
  }

  it.each<[string, (ns: Namespace) => AsyncIterable<Buffer>]>([
    ['chunks', (ns) => ns.chunks(options)],
    ['a read stream', (ns) => ns.createReadStream(options)],
  ])('leaves the controller alone when the consumer of %s leaves', async (_, read) => {
    const { controller, ns, resets } = await reading();
    const outstanding = () => expect(controller.stats().outstanding).toBeGreaterThan(0);
    for await (const _ of read(ns)) {
      await vi.waitFor(outstanding, { interval: 2 });
      break;
    }
    outstanding();
    await expect.poll(() => controller.stats().outstanding, { timeout: 10_000 }).toBe(0);
    expect([resets(), controller.state]).toEqual([0, 'attached']);
  });

  it('resets the controller when its signal fires', async () => {
    const { ns, resets } = await reading();
    const abort = new AbortController();
    const chunks = ns.chunks({ ...options, signal: abort.signal });
    await chunks.next();
    abort.abort();
    await expect(chunks.next()).rejects.toMatchObject({ code: 'ERR_SPDK_ABORTED' });
    await expect.poll(resets).toBe(1);
  });
});
