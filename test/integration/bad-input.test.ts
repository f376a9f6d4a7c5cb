import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AttachOptions, Environment, SpdkErrorCode, TransportIdObject } from '../../lib/index.js';
import { ids, open } from './support/fabric.js';
import { limits } from './support/limits.js';
import { expectNothingHeld } from './support/rdma.js';
import { rejection, within } from './support/timing.js';

let env: Environment;
beforeAll(async () => {
  env = await open({ memoryMb: 64 });
});
afterAll(() => env.close());

const type = 'ERR_SPDK_INVALID_ARG_TYPE';
const value = 'ERR_SPDK_INVALID_ARG_VALUE';
const transportId = 'ERR_SPDK_INVALID_TRANSPORT_ID';

describe('attach() with bad input is rejected at once, and changes nothing', () => {
  const badIds: [unknown, SpdkErrorCode][] = [
    [undefined, type],
    [42, type],
    ['', transportId],
    ['trtype:RDMA', transportId],
    ['trtype:IB traddr:10.77.0.1', transportId],
    [`${ids.disk0} hostnqn:nqn.2014-08.org.example:host`, transportId],
    ['trtype:RDMA traddr:10.77.0.1 trsvcid:4420', transportId],
    ['trtype:RDMA traddr:localhost subnqn:nqn.2014-08.org.example:x', transportId],
    [
      `trtype:RDMA traddr:10.77.0.1 subnqn:nqn.2014-08.org.example:${'x'.repeat(223)}`,
      'ERR_SPDK_INVALID_NQN',
    ],
    [
      { trtype: 'RDMA', traddr: '10.77.0.1', subnqn: 'nqn.2014-08.org.example:\uD800' },
      'ERR_SPDK_INVALID_NQN',
    ],
    ['trtype:PCIe traddr:0000:00:04.0', 'ERR_SPDK_TRANSPORT_UNAVAILABLE'],
  ];
  it.each(badIds)('transport id %j', async (id, code) => {
    await rejection(code, limits.response, env.attach(id as string | TransportIdObject));
  });

  const badOptions: [Record<string, unknown>, SpdkErrorCode][] = [
    [{ ioQueues: 0 }, value],
    [{ ioQueues: '1' }, type],
    [{ ioQueues: Number.NaN }, value],
    [{ queueDepth: 1 }, value],
    [{ keepAliveMs: 1 }, value],
    [{ timeoutMs: 0 }, value],
    [{ timeoutMs: 2 ** 31 }, value],
    [{ timeoutMS: 1_000 }, 'ERR_SPDK_UNKNOWN_OPTION'],
    [{ hostNqn: 'host' }, 'ERR_SPDK_INVALID_NQN'],
    [{ hostId: '123' }, value],
    [{ signal: {} }, type],
    [{ sourceAddress: 'fd77::1' }, 'ERR_SPDK_CONFLICTING_OPTIONS'],
    [{ sourcePort: 1024 }, 'ERR_SPDK_CONFLICTING_OPTIONS'],
  ];
  it.each(badOptions)('options %j', async (options, code) => {
    await rejection(code, limits.response, env.attach(ids.disk0, options as AttachOptions));
  });

  it('and a good one works afterwards', async () => {
    expect(env.controllers).toEqual([]);
    await expectNothingHeld();
    const controller = await within(limits.attach, env.attach(ids.disk0));
    await controller.detach();
  });
});

describe('detach() and close() with bad input', () => {
  it('leave the controller attached, and work when asked rightly', async () => {
    const controller = await env.attach(ids.disk0);
    const detach = async (options: object) => controller.detach(options);
    await rejection(value, limits.response, detach({ timeoutMs: -1 }));
    await rejection('ERR_SPDK_UNKNOWN_OPTION', limits.response, detach({ timeout: 1_000 }));
    await rejection('ERR_SPDK_CONFLICTING_OPTIONS', limits.response, detach({ drainMs: 20, timeoutMs: 10 }));
    const close = async (options: object) => env.close(options);
    await rejection(value, limits.response, close({ timeoutMs: 0 }));
    expect(env.closed).toBe(false);
    expect(controller.state).toBe('attached');
    await within(limits.detach, controller.detach());
    await expectNothingHeld();
  });
});
