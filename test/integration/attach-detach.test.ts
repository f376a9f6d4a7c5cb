import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Controller, Environment } from '../../lib/index.js';
import { detachLeftovers, idOf, ids, link, open, ports, subsystems } from './support/fabric.js';
import { limits } from './support/limits.js';
import { expectNothingHeld } from './support/rdma.js';
import { run } from './support/run.js';
import { within } from './support/timing.js';

let env: Environment;
beforeAll(async () => {
  env = await open();
});
afterEach(() => detachLeftovers(env));
afterAll(() => env.close());

const attach = (...call: Parameters<Environment['attach']>) => within(limits.attach, env.attach(...call));

describe('one controller', () => {
  it('emits its states in order, then `detached`, and then the environment does', async () => {
    const reported: string[] = [];
    const watch = {
      attached: (it: Controller) => reported.push(`env attached ${it.info.serial}`),
      detached: (it: Controller) => reported.push(`env detached ${it.info.serial}`),
    };
    env.once('attached', watch.attached).once('detached', watch.detached);
    const controller = await attach(ids.disk0);
    controller.on('state', (state) => reported.push(state));
    controller.on('failed', () => reported.push('failed'));
    controller.on('detached', ({ totalMs }) =>
      reported.push(totalMs > 0 ? 'detached with a report' : 'detached'),
    );
    await controller.detach();
    await new Promise(setImmediate);
    expect(reported).toEqual([
      `env attached ${subsystems.disk0.serial}`,
      'draining',
      'disconnecting',
      'lingering',
      'detached',
      `env detached ${subsystems.disk0.serial}`,
      'detached with a report',
    ]);
  });

  it('keeps what it said of itself after it is gone', async () => {
    const controller = await attach(ids.disk0, { ioQueues: 2 });
    await controller.detach();
    expect(controller.info.serial).toBe(subsystems.disk0.serial);
    expect(controller.namespaces).toHaveLength(subsystems.disk0.namespaces.length);
    expect(controller.queuePairs).toHaveLength(2);
    expect(controller.transportId.subnqn).toBe(subsystems.disk0.nqn);
  });

  it('is detached at the end of its `await using`', async () => {
    let seen: Controller;
    {
      await using controller = await attach(ids.disk0);
      seen = controller;
      expect(seen.state).toBe('attached');
    }
    expect(seen.state).toBe('detached');
    await expectNothingHeld();
  });
});

describe('other ways to the same target', () => {
  it('over IPv6', async () => {
    const controller = await attach(idOf(subsystems.disk0, ports.rdma6));
    expect(controller.info.serial).toBe(subsystems.disk0.serial);
    await within(limits.detach, controller.detach());
  });

  it('from a local address of choice', async () => {
    const [, second = ''] = link.addresses;
    const sourceAddress = second.replace(/\/.*/, '');
    const controller = await attach(ids.disk0, { sourceAddress });
    const connections = JSON.parse(await run('rdma', ['-j', 'resource', 'show', 'cm_id'])) as {
      'src-addr': string;
      'dst-addr': string;
    }[];
    const target = `${ports.rdma.traddr}:${ports.rdma.trsvcid}`;
    const ours = connections.filter((connection) => connection['dst-addr'] === target);
    expect(ours).toHaveLength(2);
    for (const connection of ours) expect(connection['src-addr']).toMatch(`${sourceAddress}:`);
    await controller.detach();
  });

  it('with an id that is an object', async () => {
    const { traddr, trsvcid } = ports.rdma;
    const id = { trtype: 'rdma', traddr, trsvcid: Number(trsvcid), subnqn: subsystems.disk1.nqn };
    const controller = await attach(id);
    expect(controller.info.serial).toBe(subsystems.disk1.serial);
    await controller.detach();
  });

  it('with shallow queues, and with ones deeper than the target has', async () => {
    const depths = [];
    for (const queueDepth of [2, 32, 1024]) {
      const controller = await attach(ids.disk0, { queueDepth });
      depths.push(controller.info.queueDepth);
      await within(limits.detach, controller.detach());
    }
    // NVME_RDMA_MAX_QUEUE_SIZE of the kernel's target.
    expect(depths).toEqual([2, 32, 128]);
    await expectNothingHeld();
  });
});
