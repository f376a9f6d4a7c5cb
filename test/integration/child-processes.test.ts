// Child processes inherit nothing of SPDK's, of verbs or of the connection manager's, whenever they are started.

import { expect, it } from 'vitest';
import { Environment } from '../../lib/index.js';
import { inheritedNow, inheritedWhile, openFiles, startSleeper } from './support/child-process.js';
import { ids } from './support/fabric.js';
import { limits } from './support/limits.js';
import { expectNothingHeld } from './support/rdma.js';
import { within } from './support/timing.js';

/** What a child process inherits before SPDK has started. */
const before = inheritedNow();

it('a child has what it had before there was SPDK, whatever an RDMA controller is doing', async () => {
  const env = await Environment.init({ memoryMb: 64, pollers: 2 });
  expect(inheritedNow(), 'after the start').toEqual(before);

  const during = new Set<string>();
  const controller = await inheritedWhile(env.attach(ids.disk0, { ioQueues: 2, timeoutMs: 30_000 }), during);
  expect(openFiles(process.pid).filter((file) => /infiniband/.test(file))).not.toEqual([]);
  expect(inheritedNow(), 'after an attach').toEqual(before);

  const { totalBytes } = env.stats().memory;
  const more = env.allocate(96 << 20);
  expect(env.stats().memory.totalBytes).toBeGreaterThan(totalBytes);
  expect(inheritedNow(), 'after more memory').toEqual(before);
  more.release();

  await inheritedWhile(controller.reset({ timeoutMs: 30_000 }), during);
  expect(inheritedNow(), 'after a reset').toEqual(before);
  expect([...during].sort()).toEqual([...new Set(before)].sort());

  const child = startSleeper();
  await within(limits.detach, controller.detach());
  await expectNothingHeld();
  expect(openFiles(child.pid)).toEqual(before);
  child.kill('SIGKILL');
  await env.close();
});
