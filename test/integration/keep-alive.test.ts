import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Environment } from '../../lib/index.js';
import { startChild } from './support/child.js';
import { ids, open } from './support/fabric.js';
import { limits } from './support/limits.js';
import { expectNothingHeld, rdmaUse } from './support/rdma.js';
import { eventually, within } from './support/timing.js';

/** The shortest keep-alive timeout that a target applies. */
const keepAliveMs = 1_000;

let env: Environment;
beforeAll(async () => {
  env = await open({ memoryMb: 64 });
});
afterAll(() => env.close());

describe('an idle controller', () => {
  it('stays attached for longer than its keep-alive timeout', async () => {
    const controller = await env.attach(ids.disk0, { keepAliveMs, ioQueues: 2 });
    const reported: string[] = [];
    controller.on('state', (state) => reported.push(state)).on('failed', ({ code }) => reported.push(code));
    await sleep(4 * keepAliveMs);
    expect(controller.state).toBe('attached');
    expect(reported).toEqual([]);
    expect(await rdmaUse()).toMatchObject({ targetQueues: 3 });
    await within(limits.detach, controller.detach());
  });

  it('stays attached while JavaScript is busy', async () => {
    const controller = await env.attach(ids.disk0, { keepAliveMs });
    const until = performance.now() + 3 * keepAliveMs;
    while (performance.now() < until);
    await sleep(100);
    expect(controller.state).toBe('attached');
    await within(limits.detach, controller.detach());
  });
});

it('a host that hangs is disconnected by the target, which shows that the timeout has an effect', async () => {
  const child = await startChild('stalled.mjs', JSON.stringify({ id: ids.disk1, keepAliveMs }));
  expect(await rdmaUse()).toMatchObject({ targetQueues: 2 });
  child.kill('SIGSTOP');
  const dropped = await eventually(8 * keepAliveMs, async () => (await rdmaUse()).targetQueues === 0);
  expect(dropped).toBe(true);
  child.kill('SIGCONT');
  // The child notices the loss, detaches in bounded time, and ends.
  const { code, stdout, ms } = await child.ended;
  const [, failed, detached] = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(failed).toEqual({ failed: 'ERR_SPDK_CONTROLLER_FAILED', state: 'failed' });
  expect(detached.state).toBe('detached');
  expect(detached.ms).toBeLessThan(limits.detach);
  expect(code).toBe(0);
  expect(ms).toBeLessThan(8 * keepAliveMs + limits.detach + 10_000);
  await expectNothingHeld();
});
