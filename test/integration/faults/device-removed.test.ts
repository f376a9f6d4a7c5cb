// The RDMA device that a controller is attached over is removed.

import { afterEach, beforeEach, expect, it } from 'vitest';
import { startChild } from '../support/child.js';
import { ids, open, subsystems } from '../support/fabric.js';
import { limits } from '../support/limits.js';
import { farIdOf, layWire, wire } from '../support/link.js';
import { expectNothingHeld } from '../support/rdma.js';
import { run } from '../support/run.js';
import { within } from '../support/timing.js';

const { softDevice, netdev } = wire.near;
const far = farIdOf(subsystems.disk1);

beforeEach(layWire);
afterEach(async () => {
  const links = await run('rdma', ['link', 'show']);
  if (!links.includes(softDevice))
    await run('rdma', ['link', 'add', softDevice, 'type', 'rxe', 'netdev', netdev]);
});

// In a process of its own: the verbs' library keeps a device open until the process ends, and the kernel waits for that.
it('fails its controllers, which detach in time; others go on; a new device is as good', async () => {
  const child = await startChild('device-removed.mjs', JSON.stringify({ far, near: ids.disk0 }));
  const removed = run('rdma', ['link', 'delete', softDevice]);
  const { code, stdout } = await child.ended;
  await removed;
  const [attached, failed, detached, rejected, other] = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(attached).toEqual({ state: 'attached' });
  expect(failed).toEqual({ code: 'ERR_SPDK_CONTROLLER_FAILED', state: 'failed' });
  expect(detached.state).toBe('detached');
  expect(detached.ms).toBeLessThan(limits.detach);
  for (const how of detached.codes) expect(how).toMatch(/^ERR_SPDK_(IO_FAILED|CONTROLLER_FAILED|DETACHING)$/);
  expect(rejected.code).toBe('ERR_SPDK_NO_RDMA_DEVICE');
  expect(rejected.ms).toBeLessThan(limits.response);
  expect(other).toEqual({ other: 'attached' });
  expect(code).toBe(0);
  await expectNothingHeld();

  await run('rdma', ['link', 'add', softDevice, 'type', 'rxe', 'netdev', netdev]);
  const env = await open({ memoryMb: 64 });
  const controller = await within(limits.attach, env.attach(far));
  await within(limits.detach, controller.detach());
  await env.close();
});
