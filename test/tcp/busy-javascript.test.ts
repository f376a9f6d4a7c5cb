// A program that computes for 50 ms of every 100 ms, beside its I/O.

import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import type { Controller, PollingMode } from '../../lib/index.js';
import { median } from '../../scripts/bench/statistics.js';
import { localTarget } from './local-target.js';

const nqn = 'nqn.2026-11.dev.spdk-nvme:busy';
const computesMs = 50;

const local = localTarget({
  port: '4496',
  subsystems: [{ nqn, serial: 'BUSY', disk: { kind: 'null', sizeMb: 64, blockSize: 512 } }],
});

async function attach(polling: PollingMode, ioQueues = 1): Promise<Controller> {
  const controller = await local.env.attach(local.id(nqn), { polling, ioQueues });
  onTestFinished(async () => {
    await controller.detach();
  });
  return controller;
}

/** Keeps the JavaScript thread busy until a condition holds, which it checks from time to time. Returns how long that took. */
function compute(limitMs: number, until: () => boolean = () => false): number {
  const begun = performance.now();
  let looked = begun;
  for (let now = begun; now - begun < limitMs; now = performance.now()) {
    if (now - looked < 0.1) continue;
    looked = now;
    if (until()) break;
  }
  return performance.now() - begun;
}

it('a poller completes what JavaScript has no time for, within about a millisecond', async () => {
  const controller = await attach('adaptive', 2);
  const [namespace] = controller.namespaces;
  const buffer = local.env.allocate(8 * 512);
  const waits: number[] = [];
  const quickMs = 1.5;
  // Without a poller, JavaScript would poll only after all of its 50 ms. How many rounds last a millisecond depends on the load of the machine.
  for (let round = 0; round < 20 || (round < 300 && Math.min(...waits) >= quickMs); round++) {
    // In turn after a pause and directly after a read.
    if (round % 2 === 0) await sleep(20);
    else await namespace?.read(buffer.subarray(0, 512), { offset: 0 });
    const before = controller.stats().completed;
    const reads = Array.from({ length: 8 }, (_, i) =>
      namespace?.read(buffer.subarray(i * 512, (i + 1) * 512), { offset: i * 512 }),
    );
    // Wait until the reads are sent.
    await Promise.resolve();
    await Promise.resolve();
    waits.push(compute(computesMs, () => controller.stats().completed >= before + 8));
    await Promise.all(reads);
  }
  expect(Math.min(...waits)).toBeLessThan(quickMs);
  expect(median(waits)).toBeLessThan(computesMs / 2);
});

it('as many operations are done as with poller threads', async () => {
  const best = { threads: 0, adaptive: 0 };
  // Other programs of the machine make single rounds slow, so the best of each counts; and they leave less time to one
  // thread than to two, so alone it is more than this.
  for (let round = 0; round < 12 && (round < 3 || best.adaptive < best.threads * 0.7); round++) {
    for (const polling of ['threads', 'adaptive'] as const) {
      const controller = await attach(polling);
      best[polling] = Math.max(best[polling], await operationsOf(controller));
      await controller.detach();
    }
  }
  expect(best.adaptive).toBeGreaterThanOrEqual(best.threads * 0.7);
});

async function operationsOf(controller: Controller): Promise<number> {
  const [namespace] = controller.namespaces;
  const buffer = local.env.allocate(4096);
  const end = performance.now() + 500;
  let operations = 0;
  const reader = async (): Promise<void> => {
    for (; performance.now() < end; operations++) await namespace?.read(buffer, { offset: 0 });
  };
  const readers = Array.from({ length: 32 }, reader);
  while (performance.now() < end) {
    compute(computesMs);
    await sleep(computesMs);
  }
  await Promise.all(readers);
  buffer.release();
  return operations;
}

/** Each of the calls takes some milliseconds of a processor, which others use too. */
const limit = { timeoutMs: 600 };

it.each<[string, (controller: Controller) => Promise<unknown>]>([
  [
    'attach()',
    () => local.env.attach(local.id(nqn), { ...limit, hostNqn: 'nqn.2026-11.dev.spdk-nvme:other' }),
  ],
  [
    'read()',
    ({ namespaces: [ns] }) => ns?.read(Buffer.alloc(512), { offset: 0, ...limit }) as Promise<Buffer>,
  ],
  ['identify()', ({ admin }) => admin.identify(1, 0, limit)],
  ['reset()', (controller) => controller.reset(limit)],
  ['detach()', (controller) => controller.detach(limit)],
])('%s that ends while JavaScript computes is in time', async (_, call) => {
  const controller = await attach('adaptive');
  // The event loop comes to timers next, and then to what native code reports.
  await new Promise((turn) => setImmediate(turn));
  const called = call(controller);
  for (let i = 0; i < 10; i++) await null;
  compute(2 * limit.timeoutMs);
  await called;
  await Promise.all(local.env.controllers.map((one) => one.detach()));
});

it.each(['detach', 'reset'] as const)('%s ends while JavaScript computes', async (what) => {
  const controller = await attach('adaptive', 2);
  const [namespace] = controller.namespaces;
  const buffer = local.env.allocate(4096);
  let going = true;
  const reader = async (): Promise<void> => {
    while (going) await namespace?.read(buffer, { offset: 0 }).catch(() => {});
  };
  const readers = Array.from({ length: 32 }, reader);
  await sleep(10);
  const ended = what === 'reset' ? controller.reset() : controller.detach({ drainMs: 0 });
  // JavaScript does nothing for it from here on. A machine that takes its processor away may hide the state in between.
  const last = what === 'reset' ? 'attached' : 'detached';
  const begun = performance.now();
  let left = false;
  compute(5_000, () => {
    left ||= controller.state !== 'attached' || performance.now() - begun > 1_000;
    return left && controller.state === last;
  });
  going = false;
  expect(controller.state).toBe(last);
  await ended;
  await Promise.all(readers);
  await controller.detach();
  buffer.release();
});

// The last one, because it closes the environment of all.
it('close() whose time is over while JavaScript computes says nothing of a wedged SPDK', async () => {
  await local.env.attach(local.id(nqn));
  await new Promise((turn) => setImmediate(turn));
  const closed = local.env.close(limit);
  for (let i = 0; i < 10; i++) await null;
  compute(2 * limit.timeoutMs);
  await closed;
});
