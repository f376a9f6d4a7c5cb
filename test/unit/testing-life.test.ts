// The life of controllers of targets in memory, as SPDK's controllers have it.

import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Controller, Environment } from '../../lib/index.js';
import { type MemoryTarget, type Simulation, simulate } from '../../lib/testing/index.js';

const nqn = 'nqn.2026-01.com.example:disk';
let simulation: Simulation;
let target: MemoryTarget;
let env: Environment;

beforeEach(async () => {
  simulation = simulate();
  target = simulation.addTarget();
  target.addSubsystem(nqn).addNamespace(1);
  env = await Environment.init();
});
afterEach(async () => {
  await env.close();
  simulation.restore();
});

const historyOf = ({ history }: Controller) => history.map(({ kind, text }) => `${kind}: ${text}`);
const event = (controller: Controller, name: 'failed' | 'reset') =>
  new Promise<void>((resolve) => controller.once(name as 'failed', () => resolve()));

it('has the steps of a reset in its history', async () => {
  const controller = await env.attach(target.id(nqn));
  await controller.reset();
  expect(historyOf(controller)).toEqual([
    'state: attaching',
    'state: attached',
    'state: resetting',
    'reset: requested',
    'state: attached',
  ]);
});

it('has a loss, its reason and each attempt to connect in its history', async () => {
  const ctrlrLossTimeoutMs = 10_000;
  const controller = await env.attach(target.id(nqn), { ctrlrLossTimeoutMs, reconnectDelayMs: 1 });
  target.rejection = { code: 'ERR_SPDK_UNREACHABLE', message: 'gone' };
  target.dropLinks();
  await new Promise<void>((resolve) => controller.once('reconnectFailed', () => resolve()));
  const connected = event(controller, 'reset');
  target.rejection = undefined;
  await connected;
  expect(historyOf(controller).slice(2, 6)).toEqual([
    'connection-lost: the link is down',
    'state: resetting',
    'reset: the link is down',
    'retry: not connected: gone',
  ]);
});

it('has a failure in its history before the state', async () => {
  const controller = await env.attach(target.id(nqn));
  const failed = event(controller, 'failed');
  target.dropLinks();
  await failed;
  expect(historyOf(controller).slice(2)).toEqual([
    'connection-lost: the link is down',
    'failure: the link is down',
    'state: failed',
  ]);
});

it('is being detached from the call of detach() on', async () => {
  const controller = await env.attach(target.id(nqn));
  const detached = controller.detach();
  await expect(env.attach(target.id(nqn))).rejects.toMatchObject({ code: 'ERR_SPDK_DETACHING' });
  await detached;
});

it('says with an errno that nothing listens', async () => {
  const nowhere = target.id(nqn).replace('4420', '9');
  await expect(env.attach(nowhere)).rejects.toThrow(
    /^No response from 127\.0\.0\.1 port 9: .*\(ECONNREFUSED\)/,
  );
});

it('completes an Abort of a command that is over', async () => {
  const { admin } = await env.attach(target.id(nqn));
  expect((await admin.send({ opcode: 0x08, cdw: [0xffff_ffff] })).cdw0).toBe(1);
});
