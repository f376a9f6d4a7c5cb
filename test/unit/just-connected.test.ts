// Native code has connected a controller again, and this thread has not heard of it yet: nothing is being detached.

import { once } from 'node:events';
import { afterEach, expect, it } from 'vitest';
import type { AttachOptions, Controller } from '../../lib/index.js';
import { attachDisk, beBusy, closeDisk, type Disk, tick, until } from './memory/disk.js';

let disk: Disk;
let controller: Controller;
afterEach(() => closeDisk(disk));

async function attach(options: AttachOptions = {}): Promise<void> {
  disk = await attachDisk(options);
  ({ controller } = disk);
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
  const goOn = beBusy(disk);
  target.rejection = undefined;
  await until(disk, 'attached');
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
  const goOn = beBusy(disk);
  const reset = controller.reset();
  await until(disk, 'resetting');
  await expectFailed('its reset has only just begun');
  await until(disk, 'attached');
  await expectFailed('only just been re-established');
  goOn();
  await reset;
  await works();
});

it('what was sent and then failed fast may have been carried out, although it is given up before that is heard of', async () => {
  await attach({
    ...{ ctrlrLossTimeoutMs: 60_000, reconnectDelayMs: 10, fastIoFailTimeoutMs: 20 },
    ...{ polling: 'threads', onTimeout: 'abort' },
  });
  const { target } = disk.fixture;
  target.silent = true;
  const abort = new AbortController();
  const write = disk.ns.write(Buffer.alloc(512), { offset: 0, signal: abort.signal });
  await expect.poll(() => controller.stats().outstanding).toBe(1);
  target.rejection = { code: 'ERR_SPDK_UNREACHABLE', message: 'nothing there' };
  const goOn = beBusy(disk);
  target.dropLinks();
  // It has failed fast by then, which this thread does not hear.
  await tick(200);
  abort.abort();
  goOn();
  await expect(write).rejects.toMatchObject({ code: 'ERR_SPDK_ABORTED', outcome: 'unknown' });
  target.rejection = undefined;
});
