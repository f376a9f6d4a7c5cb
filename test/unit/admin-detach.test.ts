// Admin commands that are pending when their controller is detached.

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

it('end with the code of I/O when that is over', async () => {
  const controller = await disk.env.attach(disk.subsystem.id);
  disk.target.latencyMs = 60_000;
  const asked = codeOf(controller.admin.identify());
  const read = codeOf(controller.namespaces[0]?.read(Buffer.alloc(512), { offset: 0 }) as Promise<unknown>);
  await controller.detach({ drainMs: 50 });
  expect(await Promise.all([asked, read])).toEqual(['ERR_SPDK_IO_FAILED', 'ERR_SPDK_IO_FAILED']);
  disk.target.latencyMs = 0;
});
