// Admin commands that are pending when their controller is detached, or their caller gives them up.

import { expect, it } from 'vitest';
import { codeOf } from '../integration/support/timing.js';
import { simulatedDisk } from './memory/simulated-disk.js';

const disk = simulatedDisk();

it('are waited for, within the limit of the drain', async () => {
  const controller = await disk.env.attach(disk.subsystem.id);
  disk.target.latencyMs = 300;
  const asked = controller.admin.identify();
  const report = await controller.detach();
  expect(await codeOf(asked, 'ok')).toBe('ok');
  expect(report.drainMs).toBeGreaterThanOrEqual(150);
});

it('are not waited for once they have timed out or were aborted', async () => {
  const controller = await disk.env.attach(disk.subsystem.id);
  disk.target.latencyMs = 60_000;
  const signal = AbortSignal.timeout(20);
  const asked = [{ timeoutMs: 20 }, { signal }].map((options) =>
    codeOf(controller.admin.identify(1, 0, options)),
  );
  expect(await Promise.all(asked)).toEqual(['ERR_SPDK_TIMEOUT', 'ERR_SPDK_ABORTED']);
  const { drainMs } = await controller.detach({ drainMs: 10_000, timeoutMs: 20_000 });
  expect(drainMs).toBeLessThan(1_000);
  disk.target.latencyMs = 0;
});

it('end with the code of I/O when that is over', async () => {
  const controller = await disk.env.attach(disk.subsystem.id);
  disk.target.latencyMs = 60_000;
  const asked = codeOf(controller.admin.identify());
  const read = codeOf(controller.namespaces[0]?.read(Buffer.alloc(512), { offset: 0 }) as Promise<unknown>);
  await controller.detach({ drainMs: 50 });
  expect(await Promise.all([asked, read])).toEqual(['ERR_SPDK_IO_FAILED', 'ERR_SPDK_IO_FAILED']);
  disk.target.latencyMs = 0;
});

it('are not sent once they are given up', async () => {
  const { admin } = await disk.env.attach(disk.subsystem.id);
  const aborter = new AbortController();
  const set = codeOf(admin.setFeature(2, 7, 0, { signal: aborter.signal }));
  aborter.abort();
  expect(await set).toBe('ERR_SPDK_ABORTED');
  expect(await admin.getFeature(2)).toBe(0);
});
