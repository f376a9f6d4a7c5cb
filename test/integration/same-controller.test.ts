import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Environment } from '../../lib/index.js';
import { detachLeftovers, ids, open } from './support/fabric.js';
import { limits } from './support/limits.js';
import { expectNothingHeld } from './support/rdma.js';
import { refusal, within } from './support/timing.js';

let env: Environment;
beforeAll(async () => {
  env = await open();
});
afterEach(() => detachLeftovers(env));
afterAll(() => env.close());

describe('a controller that is attached already', () => {
  it('is refused at once, and the attached one is left alone', async () => {
    const controller = await env.attach(ids.disk0);
    await refusal('ERR_SPDK_ALREADY_ATTACHED', limits.answer, env.attach(ids.disk0));
    // The same place in other words is the same controller.
    const spelled = ids.disk0.replace('trtype:RDMA', 'trtype=rdma').replace('adrfam:IPv4 ', '');
    await refusal('ERR_SPDK_ALREADY_ATTACHED', limits.answer, env.attach(spelled));
    expect(controller.state).toBe('attached');
    expect(env.controllers).toEqual([controller]);
    await controller.detach();
  });

  it('is refused while its attach is still under way', async () => {
    const first = env.attach(ids.disk0);
    await refusal('ERR_SPDK_ALREADY_ATTACHED', limits.answer, env.attach(ids.disk0));
    await (await within(limits.attach, first)).detach();
  });

  it('does not stand in the way of another one', async () => {
    const first = await env.attach(ids.disk0);
    const other = await within(limits.attach, env.attach(ids.disk1));
    await Promise.all([first.detach(), other.detach()]);
  });
});

describe('a controller that is being detached', () => {
  it('cannot be attached before it is gone, and can be right after', async () => {
    const controller = await env.attach(ids.disk0, { ioQueues: 2 });
    const states: string[] = [];
    controller.on('state', (state) => states.push(state));
    const detached = controller.detach();
    await new Promise((resolve) => controller.once('state', resolve));
    await refusal('ERR_SPDK_DETACHING', limits.answer, env.attach(ids.disk0));
    await within(limits.detach, detached);
    const again = await within(limits.attach, env.attach(ids.disk0));
    expect(again).not.toBe(controller);
    expect([controller.state, again.state]).toEqual(['detached', 'attached']);
    await again.detach();
  });

  it('is detached once, however often one asks', async () => {
    const controller = await env.attach(ids.disk0);
    let events = 0;
    controller.on('detached', () => events++);
    const first = controller.detach();
    const second = controller.detach({ timeoutMs: 1_000, drainMs: 0 });
    expect(second).toBe(first);
    const report = await within(limits.detach, first);
    expect(controller.detach()).toBe(first);
    expect(await controller.detach()).toBe(report);
    await new Promise(setImmediate);
    expect(events).toBe(1);
    await expectNothingHeld();
  });
});
