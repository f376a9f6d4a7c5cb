// The cost of attached controllers without work, and that they are kept alive all the same.

import { once } from 'node:events';
import os from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Environment } from '../../lib/index.js';
import { median } from '../../scripts/bench/statistics.js';
import { ensureHugepages } from '../../scripts/target/hugepages.js';
import { type SpdkTarget, startSpdkTarget } from '../../scripts/target/spdk-target.js';
import { pollings } from '../integration/support/each-polling.js';
import { timed } from '../integration/support/timing.js';
import { ownThreads, totalSleeps } from '../support/own-threads.js';

const listener = { trtype: 'TCP', traddr: '127.0.0.1', trsvcid: '4463' } as const;
const many = 32;
const nqnOf = (i: number) => `nqn.2026-11.dev.spdk-nvme:idle${i}`;
const idOf = (i: number) =>
  `trtype:TCP adrfam:IPv4 traddr:${listener.traddr} trsvcid:${listener.trsvcid} subnqn:${nqnOf(i)}`;
const measuredMs = 3_000;
/**
 * In a second, by all threads of this process: 11 to 27 wake-ups were seen, where each controller once had a hundred. What they cost says
 * little, up to 3 ms each on a virtual machine that rests between them: only a thread that does not sleep exceeds that limit.
 */
const mostWakeUps = 50;
const mostPercent = 50;

let target: SpdkTarget;
beforeAll(async () => {
  target = await startSpdkTarget({
    listener,
    core: os.availableParallelism() - 1,
    memoryMb: 512,
    subsystems: Array.from({ length: many }, (_, i) => ({
      nqn: nqnOf(i),
      serial: `IDLE${i}`,
      disk: { kind: 'null', sizeMb: 16, blockSize: 512 },
    })),
  });
  ensureHugepages(256);
});
afterAll(() => target?.stop());

/** What this process does in the quietest of ten seconds: in others V8 collects garbage, or Vitest reports. */
async function whileIdle(): Promise<{ wakeUps: number; percent: number }> {
  await sleep(500);
  const quietest = { wakeUps: Number.POSITIVE_INFINITY, percent: Number.POSITIVE_INFINITY };
  for (let second = 0; second < 10; second++) {
    const before = process.resourceUsage();
    await sleep(1_000);
    const after = process.resourceUsage();
    const cpuUs = after.userCPUTime + after.systemCPUTime - before.userCPUTime - before.systemCPUTime;
    const wakeUps = after.voluntaryContextSwitches - before.voluntaryContextSwitches;
    quietest.wakeUps = Math.min(quietest.wakeUps, wakeUps);
    quietest.percent = Math.min(quietest.percent, cpuUs / 10_000);
    if (quietest.wakeUps < mostWakeUps && quietest.percent < mostPercent) break;
  }
  return quietest;
}

it.each(pollings)(
  'an idle controller polled by %s takes next to no processor',
  async (polling) => {
    await using env = await Environment.init({ memoryMb: 256 });
    await env.attach(idOf(0), { ioQueues: 2, polling });
    const { wakeUps, percent } = await whileIdle();
    expect(wakeUps).toBeLessThan(mostWakeUps);
    expect(percent).toBeLessThan(mostPercent);
  },
  20_000,
);

it(`${many} idle controllers share a thread, which wakes for many at once, and stay attached`, {
  timeout: 60_000,
}, async () => {
  await using env = await Environment.init({ memoryMb: 256 });
  const options = { ioQueues: 1, polling: 'threads', timeoutMs: 30_000 } as const;
  await Promise.all(Array.from({ length: many }, (_, i) => env.attach(idOf(i), options)));
  await sleep(500);
  // One thread runs the turns of all of them; another one takes over while that one is delayed.
  const controlThreads = () => ownThreads().filter(({ name }) => name === 'spdk-control').length;
  await expect.poll(controlThreads, { timeout: 10_000 }).toBeLessThanOrEqual(2);
  const before = totalSleeps(ownThreads());
  const { ms } = await timed(sleep(measuredMs));
  // 3 to 5 were seen on a busy machine, which spreads over time what is due together; a thread for each took over 6.
  expect((totalSleeps(ownThreads()) - before) / (ms / 1_000) / many).toBeLessThan(8);
  expect(env.controllers.map((controller) => controller.state)).toEqual(Array(many).fill('attached'));
});

it('a poller that rests lets go of a controller that is detached', async () => {
  await using env = await Environment.init({ memoryMb: 256, pollers: 1 });
  const controller = await env.attach(idOf(0), { ioQueues: 1 });
  // Each of its sleeps is twice as long as the last one: it is in the one that ends after ten seconds.
  await sleep(6_000);
  await controller.detach();
  const served = () => env.stats().pollers.map(({ controllers }) => controllers);
  await expect.poll(served, { timeout: 2_000 }).toEqual([0]);
});

// Without Keep Alives the control thread has no other reason to poll within a second. This is the last test: the target ends.
it('a sleeping controller notices at once what its target reports, and that it has ended', async () => {
  await using env = await Environment.init({ memoryMb: 256 });
  const options = { ioQueues: 1, keepAliveMs: 0, polling: 'threads' } as const;
  const first = await env.attach(idOf(0), options);
  const second = await env.attach(idOf(1), { ...options, polling: 'inline' });
  const took: number[] = [];
  for (let turn = 0; turn < 5; turn++) {
    await sleep(200);
    const begun = performance.now();
    const changed = once(first, 'namespaces');
    await target.call(turn % 2 === 0 ? 'nvmf_subsystem_remove_ns' : 'nvmf_subsystem_add_ns', {
      nqn: nqnOf(0),
      ...(turn % 2 === 0 ? { nsid: 1 } : { namespace: { bdev_name: 'Disk0', nsid: 1 } }),
    });
    await changed;
    took.push(performance.now() - begun);
  }
  // The control thread would next poll a second after the last change, and so after about 800 ms.
  expect(median(took)).toBeLessThan(300);
  await sleep(100);
  const failed = [first, second].map((controller) => once(controller, 'failed'));
  await target.stop('SIGKILL');
  // From the end of the target's process on, which first gives back its memory, and then closes its connections.
  const ended = performance.now();
  await Promise.all(failed);
  // It would next poll 900 ms after the last change, or later.
  expect(performance.now() - ended).toBeLessThan(600);
});
