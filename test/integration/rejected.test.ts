import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Environment } from '../../lib/index.js';
import { ids, open, unreachable } from './support/fabric.js';
import { limits } from './support/limits.js';
import { expectNothingHeld } from './support/rdma.js';
import { rejection } from './support/timing.js';

let env: Environment;
beforeAll(async () => {
  env = await open();
});
afterAll(() => env.close());
afterEach(async () => {
  expect(env.controllers).toEqual([]);
  await expectNothingHeld();
});

it('a host that gives no NQN is rejected, where the target has a list', async () => {
  await rejection('ERR_SPDK_CONNECT_REJECTED', limits.unreachable, env.attach(ids.private));
});

describe('nothing responds', () => {
  it('at an address that no machine has', async () => {
    await rejection('ERR_SPDK_UNREACHABLE', limits.unreachable, env.attach(unreachable()));
  });

  it('at an address to which there is no route, which is known at once', async () => {
    const noRoute = ids.disk0.replace('10.77.0.1', '198.51.100.1');
    await rejection('ERR_SPDK_UNREACHABLE', limits.response, env.attach(noRoute));
  });
});
