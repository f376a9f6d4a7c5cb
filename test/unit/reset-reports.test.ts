// Calls of reset() and resets that this thread has not heard of yet: each call gets the report of a reset that ended after it.

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { afterEach, expect, it } from 'vitest';
import type { Controller, ResetReport } from '../../lib/index.js';
import { codeOf } from '../integration/support/timing.js';
import { attachDisk, beBusy, closeDisk, type Disk, tick, until } from './memory/disk.js';

let disk: Disk;
let controller: Controller;
let heard: (ResetReport | string)[];
afterEach(() => closeDisk(disk));

async function attach(reconnects: boolean): Promise<void> {
  disk = await attachDisk(reconnects ? { ctrlrLossTimeoutMs: 60_000, reconnectDelayMs: 10 } : {});
  ({ controller } = disk);
  heard = [];
  controller.on('resetting', () => heard.push('begun'));
  controller.on('reset', (report) => heard.push(report));
  controller.on('failed', () => heard.push('failed'));
}

/** Has the controller reconnect, of which this thread hears when the function that it returns is called. */
async function reconnectUnheard(): Promise<() => void> {
  const goOn = beBusy(disk);
  disk.fixture.target.dropLinks();
  await until(disk, 'resetting');
  await until(disk, 'attached');
  return goOn;
}

it('a reconnect that was over before the call does not answer it', async () => {
  await attach(true);
  const goOn = await reconnectUnheard();
  const reset = controller.reset();
  goOn();
  const report = await reset;
  expect(heard).toEqual(['begun', expect.anything(), 'begun', report]);
  expect(heard[1]).not.toBe(report);
});

it('nor does one whose begin was heard of, and which was over', async () => {
  await attach(true);
  disk.fixture.target.connectMs = 20;
  disk.fixture.target.dropLinks();
  await once(controller, 'resetting');
  const goOn = beBusy(disk);
  await until(disk, 'attached');
  const reset = controller.reset();
  goOn();
  expect(heard.lastIndexOf(await reset)).toBe(3);
});

it('nor the reset that answers an earlier call, and was over', async () => {
  await attach(false);
  const goOn = beBusy(disk);
  const first = controller.reset();
  await until(disk, 'resetting');
  await until(disk, 'attached');
  const second = controller.reset();
  goOn();
  expect(heard).toEqual([]);
  expect([await first, await second]).toEqual([heard[1], heard[3]]);
  expect(heard[1]).not.toBe(heard[3]);
});

it('calls during a reset share it, and no further one follows', async () => {
  await attach(true);
  disk.fixture.target.connectMs = 20;
  disk.fixture.target.dropLinks();
  await until(disk, 'resetting');
  const [first, second] = await Promise.all([controller.reset(), controller.reset()]);
  expect(first).toBe(second);
  await tick(50);
  expect(heard).toEqual(['begun', first]);
});

it('a reset that failed before the call does not answer it either', async () => {
  await attach(false);
  const { target } = disk.fixture;
  target.rejection = { code: 'ERR_SPDK_UNREACHABLE', message: 'nothing there' };
  const goOn = beBusy(disk);
  const first = controller.reset();
  await until(disk, 'failed');
  target.rejection = undefined;
  const second = controller.reset();
  const outcome = codeOf(first);
  goOn();
  expect(await outcome).toBe('ERR_SPDK_UNREACHABLE');
  expect(heard).toContain('failed');
  expect(heard.indexOf(await second)).toBeGreaterThan(heard.indexOf('failed'));
});

it('a listener of `failed` may reset again, and gets the outcome of that', async () => {
  await attach(false);
  const { target } = disk.fixture;
  target.rejection = { code: 'ERR_SPDK_UNREACHABLE', message: 'nothing there' };
  const again = new Promise<ResetReport>((resolve) => {
    controller.once('failed', () => {
      target.rejection = undefined;
      resolve(controller.reset());
    });
  });
  expect(await codeOf(controller.reset())).toBe('ERR_SPDK_UNREACHABLE');
  expect(await again).toMatchObject({ attempts: 1 });
});

it('a detach ends all, also one that a subscriber to the start of a reset begins', async () => {
  await attach(true);
  const detach = () => void controller.detach();
  subscribe('tracing:spdk-nvme:reset:start', detach);
  disk.fixture.target.connectMs = 200;
  disk.fixture.target.dropLinks();
  await until(disk, 'resetting');
  expect(await codeOf(controller.reset())).toBe('ERR_SPDK_DETACHING');
  unsubscribe('tracing:spdk-nvme:reset:start', detach);
  await controller.detach();
});
