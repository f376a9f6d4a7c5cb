// Native code has connected a controller again, and this thread has not heard of it yet: nothing is being detached.

import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it, vi } from 'vitest';
import type { AttachOptions, Controller, ControllerState } from '../../lib/index.js';
import { attachDisk, closeDisk, type Disk } from './memory/disk.js';

let disk: Disk;
let controller: Controller;
afterEach(() => closeDisk(disk));

async function attach(options: AttachOptions = {}): Promise<void> {
  disk = await attachDisk(options);
  ({ controller } = disk);
}

/** Keeps what native code tells this thread, as while JavaScript is busy, until the function that it returns is called. */
function beBusy(): () => void {
  const { channel } = disk.fixture.addon;
  const kept: (() => void)[] = [];
  const post = vi.spyOn(channel, 'post').mockImplementation((task) => void kept.push(task));
  return () => {
    post.mockRestore();
    for (const task of kept) channel.post(task);
  };
}

async function until(state: ControllerState): Promise<void> {
  while (controller.state !== state) await sleep(1);
}

const failed = { code: 'ERR_SPDK_CONTROLLER_FAILED' };

async function expectFailed(message: string): Promise<void> {
  const error = { ...failed, message: expect.stringContaining(message) };
  await expect(disk.ns.read(Buffer.alloc(512), { offset: 0 })).rejects.toMatchObject(error);
  await expect(disk.ns.flush()).rejects.toMatchObject(error);
  expect(() => controller.queuePairs[0]?.openBatch()).toThrow(expect.objectContaining(error));
}

const works = () => disk.ns.read(Buffer.alloc(512), { offset: 0 });

it('after it has failed fast', async () => {
  await attach({ ctrlrLossTimeoutMs: 60_000, reconnectDelayMs: 10, fastIoFailTimeoutMs: 20 });
  const { target } = disk.fixture;
  target.rejection = { code: 'ERR_SPDK_UNREACHABLE', message: 'nothing there' };
  target.dropLinks();
  await once(controller, 'failingFast');
  await expectFailed('not re-established within fastIoFailTimeoutMs');
  const goOn = beBusy();
  target.rejection = undefined;
  await until('attached');
  await expectFailed('only just been re-established');
  goOn();
  await once(controller, 'reset');
  await works();
});

it('after it has failed, by a reset', async () => {
  await attach();
  const { target } = disk.fixture;
  target.dropLinks();
  await once(controller, 'failed');
  target.connectMs = 50;
  const goOn = beBusy();
  const reset = controller.reset();
  await until('resetting');
  await expectFailed('its reset has only just begun');
  await until('attached');
  await expectFailed('only just been re-established');
  goOn();
  await reset;
  await works();
});
