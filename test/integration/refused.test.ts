import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Environment, spdkVersion } from '../../lib/index.js';
import { hostNqns, ids, open, subsystems, unreachable } from './support/fabric.js';
import { limits } from './support/limits.js';
import { expectNothingHeld } from './support/rdma.js';
import { refusal, within } from './support/timing.js';

let env: Environment;
beforeAll(async () => {
  env = await open();
});
afterAll(() => env.close());
afterEach(async () => {
  expect(env.controllers).toEqual([]);
  await expectNothingHeld();
});

describe('the target refuses', () => {
  it('a subsystem it does not have', async () => {
    const error = await refusal('ERR_SPDK_CONNECT_REJECTED', limits.unreachable, env.attach(ids.wrongNqn));
    expect(error.message).toContain('subnqn');
    expectStatus(error, 'Connect Invalid Parameters');
  });

  it('a host that is not on its list', async () => {
    const attach = env.attach(ids.private, { hostNqn: hostNqns.refused });
    const error = await refusal('ERR_SPDK_CONNECT_REJECTED', limits.unreachable, attach);
    expect(error.message).toContain('hostNqn');
    expectStatus(error, 'Connect Invalid Host');
  });

  it('a host that gives no NQN, where there is a list', async () => {
    await refusal('ERR_SPDK_CONNECT_REJECTED', limits.unreachable, env.attach(ids.private));
  });

  it('and lets the host on its list in', async () => {
    const controller = await within(limits.attach, env.attach(ids.private, { hostNqn: hostNqns.allowed }));
    expect(controller.info.serial).toBe(subsystems.private.serial);
    await controller.detach();
  });
});

describe('nobody answers', () => {
  it('at a port where nothing listens', async () => {
    await refusal('ERR_SPDK_UNREACHABLE', limits.unreachable, env.attach(ids.wrongPort));
  });

  it('at an address that nobody owns', async () => {
    await refusal('ERR_SPDK_UNREACHABLE', limits.unreachable, env.attach(unreachable()));
  });

  it('at an address to which there is no route, which is known at once', async () => {
    const noRoute = ids.disk0.replace('10.77.0.1', '198.51.100.1');
    await refusal('ERR_SPDK_UNREACHABLE', limits.answer, env.attach(noRoute));
  });
});

it('after every refusal the environment still attaches', async () => {
  await refusal('ERR_SPDK_CONNECT_REJECTED', limits.unreachable, env.attach(ids.wrongNqn));
  const controller = await within(limits.attach, env.attach(ids.disk0));
  await within(limits.detach, controller.detach());
});

/** SPDK says which status the target gave from v20.10 on; before, an error carries none rather than a guess. */
function expectStatus(error: { nvmeStatus?: { name: string } }, name: string): void {
  const { major, minor } = spdkVersion();
  if (major * 100 + minor >= 2010) expect(error.nvmeStatus?.name).toBe(name);
  else expect(error.nvmeStatus).toBeUndefined();
}
