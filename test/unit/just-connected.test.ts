// Native code has connected a controller again, and this thread has not heard of it yet: nothing is being detached.

import { once } from 'node:events';
import { afterEach, expect, it } from 'vitest';
import type { AttachOptions, Controller, SpdkError } from '../../lib/index.js';
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

/** Gives up a write that was sent over a connection which is lost, when its end is known to native code, and this thread has not heard of it. */
async function outcomeAfter(options: AttachOptions, loss: () => unknown): Promise<unknown> {
  await attach({
    ctrlrLossTimeoutMs: 60_000,
    reconnectDelayMs: 10,
    polling: 'threads',
    onTimeout: 'abort',
    ...options,
  });
  disk.fixture.target.silent = true;
  const abort = new AbortController();
  const write = disk.ns.write(Buffer.alloc(512), { offset: 0, signal: abort.signal });
  await expect.poll(() => controller.stats().outstanding).toBe(1);
  const goOn = beBusy(disk);
  await loss();
  await tick(200);
  abort.abort();
  goOn();
  return write.catch(({ outcome }: SpdkError) => outcome);
}

it('what was sent and then failed fast may have been carried out', async () => {
  const outcome = await outcomeAfter({ fastIoFailTimeoutMs: 20 }, () => {
    disk.fixture.target.rejection = { code: 'ERR_SPDK_UNREACHABLE', message: 'nothing there' };
    disk.fixture.target.dropLinks();
  });
  expect(outcome).toBe('unknown');
  disk.fixture.target.rejection = undefined;
});

it('what was sent to a disk whose place another one has taken may have been carried out', async () => {
  const outcome = await outcomeAfter({}, async () => {
    disk.fixture.target.subsystems.get('nqn.2026-01.io.spdk:a')?.addNamespace(1, { blocks: 64 });
    disk.fixture.target.dropLinks();
    await expect.poll(() => controller.stats().outstanding).toBe(0);
    disk.fixture.target.silent = false;
  });
  expect(outcome).toBe('unknown');
});
