// The link to the target is cut, with or without a notice, for some time or permanently.

import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { AttachOptions, Controller, Environment } from '../../../lib/index.js';
import { type FabricSubsystem, farPort } from '../../../scripts/fabric/topology.js';
import { reopen } from '../../../scripts/target/kernel-target.js';
import { detachLeftovers, ids, open, subsystems } from '../support/fabric.js';
import { limits } from '../support/limits.js';
import { cutWire, farIdOf, layWire, restoreWire, unplugWire } from '../support/link.js';
import { Bystander, Load } from '../support/load.js';
import { expectNothingHeld, expectNothingHeldHere } from '../support/rdma.js';
import { eventually, momentsWithin, timed, within } from '../support/timing.js';

/**
 * The kernel's target drops a controller when it has not heard of it for its keep-alive timeout, of ten seconds at most here. It looks once in
 * each, and a command counts: what arrives after the repair of a link delays it to up to two of them.
 */
const targetForgets = 25_000;
const far = farIdOf(subsystems.disk1);

let env: Environment;
let bystander: Bystander;
beforeAll(async () => {
  await layWire();
  // One poller for all controllers: if the fault makes the poller wait, the bystander waits too, and the test shows it.
  env = await open({ pollers: 1 });
});
beforeEach(async () => {
  bystander = new Bystander(await env.attach(ids.disk0));
});
afterEach(async () => {
  await restoreWire();
  await detachLeftovers(env);
});
afterAll(() => env.close());

const attach = (options: AttachOptions = {}, id = far) =>
  within(limits.attach, env.attach(id, { ioQueues: 2, keepAliveMs: 1_000, ...options }));

/** One of many subsystems that are alike. */
function many(i: number): FabricSubsystem {
  const subsystem = subsystems.many[i];
  if (!subsystem) throw new Error('the fabric has fewer subsystems');
  return subsystem;
}

/** Expects that the detach ends in time, that every operation has ended, and that no resource is held. */
async function expectCleanDetach(controller: Controller, load: Load): Promise<void> {
  load.stop();
  await within(limits.detach, controller.detach());
  await load.expectAllEnd(limits.response);
  await bystander.expectUndisturbed(limits.stall);
  await restoreWire();
  await detachLeftovers(env);
  await expectNothingHeld(targetForgets);
}

describe('a link that is cut under load and repaired', () => {
  const cuts = { 'loses packets': cutWire, 'is down': unplugWire };
  it.each([
    [1_000, 'loses packets'],
    [1_000, 'is down'],
    [10_000, 'loses packets'],
  ] as const)('after %d ms in which it %s goes on, or the controller has failed', async (ms, how) => {
    const controller = await attach({ keepAliveMs: 10_000 });
    const load = new Load(controller);
    await load.progress(32);
    await cuts[how]();
    await sleep(ms);
    await restoreWire();
    const { ok } = load;
    const decided = await eventually(
      limits.noticed,
      () => controller.state === 'failed' || load.ok > ok + 32,
    );
    expect(decided).toBe(true);
    if (controller.state === 'attached') expect(load.codes).toEqual(new Map());
    await expectCleanDetach(controller, load);
  });
});

describe('a link that is cut for good', () => {
  it('with or without outstanding operations detaches all controllers, in every polling mode', async () => {
    const settings: readonly (readonly [number, AttachOptions])[] = [
      [32, { ioQueues: 1 }],
      [128, { ioQueues: 4 }],
      [0, { ioQueues: 4 }],
      [32, { ioQueues: 2, polling: 'inline' }],
      [32, { ioQueues: 2, polling: 'adaptive' }],
    ];
    const attached = settings.map(async ([depth, options], i) => {
      const controller = await attach(options, farIdOf(many(i)));
      const load = new Load(controller, { depth });
      if (depth > 0) await load.progress(depth);
      return { depth, controller, load };
    });
    const all = await Promise.all(attached);
    await cutWire();
    await sleep(100);
    for (const { load } of all) load.stop();
    // All at the same time: none of them may hold up what they share.
    const detached = all.map(async ({ depth, controller, load }) => {
      await within(limits.detach, controller.detach());
      expect(controller.state).toBe('detached');
      await load.expectAllEnd(limits.response);
      // Each outstanding command has ended, once.
      if (depth > 0) expect([...load.codes.keys()]).toContain('ERR_SPDK_IO_FAILED');
    });
    await Promise.all(detached);
    await bystander.expectUndisturbed(limits.stall);
    await restoreWire();
    await detachLeftovers(env);
    await expectNothingHeld(targetForgets);
  });

  it('is noticed under load, and the controller fails; then it detaches', async () => {
    const controller = await attach({ ioQueues: 4 });
    const load = new Load(controller);
    await load.progress(32);
    const failed = new Promise((resolve) => controller.once('failed', resolve));
    await cutWire();
    await within(limits.noticed, failed);
    expect(controller.state).toBe('failed');
    await expectCleanDetach(controller, load);
  });

  it('while a detach is under way does not keep it from ending', async () => {
    const { value: first } = await timed(attach({ ioQueues: 4 }));
    const { ms: whole } = await timed(first.detach());
    for (const moment of momentsWithin(whole, 3)) {
      const controller = await attach({ ioQueues: 4 });
      const detached = controller.detach();
      await sleep(moment);
      await cutWire();
      await within(limits.detach, detached);
      await restoreWire();
    }
    await bystander.expectUndisturbed(limits.stall);
    await detachLeftovers(env);
    await expectNothingHeld(targetForgets);
  });
});

describe('a link that is cut while a controller is attached', () => {
  it('ends the attach in time, whenever it is cut', async () => {
    const timeoutMs = 1_500;
    const { value: first, ms: whole } = await timed(attach());
    await first.detach();
    const expected = ['attached', 'ERR_SPDK_TIMEOUT', 'ERR_SPDK_UNREACHABLE', 'ERR_SPDK_ATTACH_FAILED'];
    // A controller of its own for each moment: a cancelled attach ends in the background.
    for (const [i, moment] of momentsWithin(whole, 3).entries()) {
      const subsystem = subsystems.many[i] as (typeof subsystems.many)[number];
      const options = { ioQueues: 2, timeoutMs, keepAliveMs: 1_000 };
      const attached = env.attach(farIdOf(subsystem), options).then(
        (controller) => ({ code: 'attached', controller }),
        ({ code }) => ({ code: code as string, controller: undefined }),
      );
      await sleep(moment);
      await cutWire();
      const { value: outcome, ms } = await timed(attached);
      expect(expected, `cut after ${moment} ms`).toContain(outcome.code);
      expect(ms).toBeLessThan(timeoutMs + limits.response);
      if (outcome.controller) await within(limits.detach, outcome.controller.detach());
      await restoreWire();
    }
    await bystander.expectUndisturbed(limits.stall);
    await detachLeftovers(env);
    await expectNothingHeldHere(limits.noticed);
    // A connection of which the target's response was lost is not made in the end, and the host is gone: the CM sends the
    // response 16 times, 4.3 s apart (CMA_MAX_CM_RETRIES, CMA_CM_RESPONSE_TIMEOUT), unless the port is closed before.
    reopen(farPort);
    await expectNothingHeld(targetForgets);
    await (await attach()).detach();
  });
});
