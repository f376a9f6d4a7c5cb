import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Controller, Environment } from '../../lib/index.js';
import { allow, withdraw } from '../../scripts/target/kernel-target.js';
import { ids, open, subsystems } from './support/fabric.js';
import { limits } from './support/limits.js';
import { expectNothingHeld } from './support/rdma.js';
import { rejection, within } from './support/timing.js';

/** SPDK notices through the queue pairs' transport retries. */
const noticed = 10_000;

let env: Environment;
beforeAll(async () => {
  env = await open();
});
afterAll(() => env.close());

/** Attaches a controller, whose subsystem the target then withdraws. */
async function lose(id: string, nqn: string): Promise<{ controller: Controller; reported: string[] }> {
  const controller = await within(limits.attach, env.attach(id, { ioQueues: 2 }));
  const reported: string[] = [];
  controller.on('state', (state) => reported.push(state));
  controller.on('failed', ({ code }) => reported.push(code));
  const failed = new Promise((resolve) => controller.once('failed', resolve));
  withdraw(nqn);
  try {
    await within(noticed, failed);
  } finally {
    allow(nqn);
  }
  return { controller, reported };
}

describe('a controller whose target has gone', () => {
  it('says so once, and detaches in bounded time all the same', async () => {
    const environmentTold: string[] = [];
    env.once('failed', ({ info }, { message }) => environmentTold.push(`${info.serial}: ${message}`));
    const { controller, reported } = await lose(ids.disk0, subsystems.disk0.nqn);
    expect(controller.state).toBe('failed');
    expect(env.controllers).toEqual([controller]);
    expect(environmentTold).toHaveLength(1);
    expect(environmentTold[0]).toMatch(/^FABRIC0: .*lost/);
    await within(limits.detach, controller.detach());
    expect(reported).toEqual([
      'failed',
      'ERR_SPDK_CONTROLLER_FAILED',
      'draining',
      'disconnecting',
      'lingering',
      'detached',
    ]);
    await expectNothingHeld();
  });

  it('has to be detached before it is attached again', async () => {
    const { controller } = await lose(ids.disk0, subsystems.disk0.nqn);
    await rejection('ERR_SPDK_ALREADY_ATTACHED', limits.response, env.attach(ids.disk0));
    await within(limits.detach, controller.detach());
    const again = await within(limits.attach, env.attach(ids.disk0, { ioQueues: 2 }));
    await within(limits.detach, again.detach());
    await expectNothingHeld();
  });

  it('does not harm another one', async () => {
    const other = await env.attach(ids.disk1);
    const { controller } = await lose(ids.disk0, subsystems.disk0.nqn);
    expect(other.state).toBe('attached');
    await within(limits.detach, controller.detach());
    expect(other.state).toBe('attached');
    await within(limits.detach, other.detach());
    await expectNothingHeld();
  });

  it('goes with close()', async () => {
    const { controller } = await lose(ids.disk0, subsystems.disk0.nqn);
    await within(limits.detach, env.close());
    expect(controller.state).toBe('detached');
    await expectNothingHeld();
    env = await open();
  });
});
