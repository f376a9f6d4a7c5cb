import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Controller, Environment } from '../../lib/index.js';
import { detachLeftovers, idOf, ids, open, ports, subsystems } from './support/fabric.js';
import { limits } from './support/limits.js';
import { expectNothingHeld, rdmaUse } from './support/rdma.js';
import { within } from './support/timing.js';

const pollers = 3;

let env: Environment;
beforeAll(async () => {
  env = await open({ pollers, memoryMb: 192 });
});
afterEach(() => detachLeftovers(env));
afterAll(() => env.close());

const detachAll = (controllers: readonly Controller[]) =>
  within(limits.detach, Promise.all(controllers.map((controller) => controller.detach())));

it('one subsystem, over two addresses, is two controllers', async () => {
  const controllers = await within(
    limits.attach,
    Promise.all([env.attach(ids.disk0), env.attach(idOf(subsystems.disk0, ports.rdma6))]),
  );
  const [one, two] = controllers;
  expect(one.info.serial).toBe(two.info.serial);
  expect(one.info.cntlid).not.toBe(two.info.cntlid);
  await detachAll(controllers);
});

it('many controllers, more than may connect at the same time, all get there', async () => {
  const controllers = await within(
    2 * limits.attach,
    Promise.all(
      subsystems.many.slice(0, 8).map((subsystem) => env.attach(idOf(subsystem), { timeoutMs: 10_000 })),
    ),
  );
  expect(new Set(controllers.map(({ info }) => info.serial)).size).toBe(8);
  expect(await rdmaUse()).toMatchObject({ qp: 16, targetQueues: 16 });
  await detachAll(controllers);
  await expectNothingHeld();
});

describe('I/O queue pairs', () => {
  it('are as many as the target grants, where it grants fewer', async () => {
    const controller = await env.attach(ids.narrow, { ioQueues: 8 });
    expect(controller.info.ioQueues).toBe(subsystems.narrow.maxQueueId);
    expect(controller.queuePairs.map(({ index }) => index)).toEqual([0, 1]);
    expect(await rdmaUse()).toMatchObject({ qp: 3, targetQueues: 3 });
    await detachAll([controller]);
  });

  it('of one controller are spread evenly over the pollers', async () => {
    const controller = await env.attach(ids.disk0, { ioQueues: 2 * pollers + 1 });
    const perPoller = new Map<number, number>();
    for (const { poller } of controller.queuePairs) perPoller.set(poller, (perPoller.get(poller) ?? 0) + 1);
    expect([...perPoller.keys()].sort()).toEqual([0, 1, 2]);
    expect([...perPoller.values()].sort()).toEqual([2, 2, 3]);
    await detachAll([controller]);
  });

  it('of small controllers go to different pollers', async () => {
    const controllers = [];
    for (const id of [ids.disk0, ids.disk1, ids.narrow])
      controllers.push(await env.attach(id, { ioQueues: 1 }));
    const used = controllers.flatMap(({ queuePairs }) => queuePairs.map(({ poller }) => poller));
    expect(used.sort()).toEqual([0, 1, 2]);
    await detachAll(controllers);
    await expectNothingHeld();
  });
});
