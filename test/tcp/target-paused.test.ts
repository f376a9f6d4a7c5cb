// SPDK's target pauses a subsystem while its namespaces are changed, and waits with that for the commands that it has. Until
// then it keeps all that comes for this subsystem, Keep Alives too, and responds for others.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Controller, Environment, type SpdkError } from '../../lib/index.js';
import { listenerId } from '../../scripts/target/config.js';
import { ensureHugepages } from '../../scripts/target/hugepages.js';
import { programRelease, spdkProgram } from '../../scripts/target/programs.js';
import { type SpdkTarget, startSpdkTarget } from '../../scripts/target/spdk-target.js';
import { limits } from '../integration/support/limits.js';
import { codeOf, eventually, rejection, within } from '../integration/support/timing.js';

const listener = { trtype: 'TCP', traddr: '127.0.0.1', trsvcid: '4633' } as const;
/** How long a read lasts, and therefore the pause. */
const pauseMs = 6_000;
const keepAliveMs = 1_000;
const nqn = 'nqn.2026-11.dev.spdk-nvme:paused';
const bystanderNqn = `${nqn}-bystander`;
const id = listenerId(listener, nqn);

let target: SpdkTarget;
let env: Environment;
let bystander: Controller;

// A target for each test: v20.07's may not survive that a host goes away while it waits to pause.
beforeEach(async () => {
  target = await startSpdkTarget({
    listener,
    sharedBuffers: 511,
    subsystems: [
      {
        nqn,
        serial: 'PAUSED',
        disk: { kind: 'delay', sizeMb: 64, blockSize: 512, delayUs: pauseMs * 1_000 },
      },
      { nqn: bystanderNqn, serial: 'BYSTANDER', disk: { kind: 'null', sizeMb: 64, blockSize: 512 } },
    ],
  });
  ensureHugepages(64);
  env = await Environment.init({ memoryMb: 64, pollers: 1 });
  bystander = await env.attach(listenerId(listener, bystanderNqn), { keepAliveMs });
});

afterEach(async () => {
  await within(limits.detach, env.close());
  await target.stop('SIGKILL');
});

const readOne = async ({ namespaces: [namespace] }: Controller) =>
  namespace?.read(Buffer.alloc(512), { offset: 0 });

/** Pauses the subsystem during a read that lasts as long as the pause. Returns the outcome of the read. */
async function pause(controller: Controller): Promise<Promise<string>[]> {
  const read = codeOf(readOne(controller), 'read');
  await target.call('bdev_null_create', { name: 'Added', num_blocks: 2_048, block_size: 512 });
  target.call('nvmf_subsystem_add_ns', { nqn, namespace: { bdev_name: 'Added' } }).catch(() => {});
  const held = async () =>
    (await codeOf(controller.admin.identify(1, 0, { timeoutMs: 200 }))) === 'ERR_SPDK_TIMEOUT';
  expect(await eventually(limits.response, held)).toBe(true);
  return [read];
}

async function expectBystanderServes(): Promise<void> {
  await within(limits.stall, readOne(bystander));
  expect(bystander.state).toBe('attached');
}

/** Newer releases of the target (seen: v24.09) pause only the namespace that is changed, so that nothing has to wait. */
const pausesAll = (await programRelease(spdkProgram('nvmf_tgt'))) < 2409;

describe.runIf(pausesAll)('a subsystem that is paused', () => {
  it('fails its controller when a Keep Alive gets no response, and ends all that waits', async () => {
    const controller = await env.attach(id, { keepAliveMs });
    const failed = new Promise<SpdkError>((resolve) => controller.once('failed', resolve));
    const waiting = await pause(controller);
    waiting.push(codeOf(controller.admin.identify(1), 'completed'));
    const error = await within(keepAliveMs + 1_000 + limits.response, failed);
    expect(error.message).toMatch(/did not respond to a Keep Alive/);
    await expectBystanderServes();
    const codes = await within(limits.response, Promise.all(waiting));
    for (const code of codes) expect(code).toMatch(/^ERR_SPDK_(IO|CONTROLLER)_FAILED$/);
    await within(limits.detach, controller.detach());
  });

  it('is not attached by another host, within the time limit', async () => {
    const controller = await env.attach(id, { keepAliveMs: 10_000 });
    await pause(controller);
    const timeoutMs = 1_500;
    const host = { hostNqn: `${nqn}-host`, timeoutMs, keepAliveMs };
    await rejection('ERR_SPDK_TIMEOUT', timeoutMs + limits.response, env.attach(id, host));
    await expectBystanderServes();
    expect(controller.state).toBe('attached');
    await within(limits.detach, controller.detach());
  });

  it('is reconnected to by a policy, which a detach ends in time', async () => {
    const options = { keepAliveMs, ctrlrLossTimeoutMs: 30_000, reconnectDelayMs: 200, timeoutMs: 1_500 };
    const controller = await env.attach(id, options);
    const waiting = await pause(controller);
    const resetting = () => controller.state === 'resetting';
    expect(await eventually(keepAliveMs + 1_000 + limits.response, resetting)).toBe(true);
    await expectBystanderServes();
    await within(limits.detach, controller.detach());
    await within(limits.response, Promise.all(waiting));
    await expectBystanderServes();
  });
});
