// A poller that does not get to run, as on a machine with too much work: its queue pairs wait, nothing else does.

import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { Environment } from '../../../lib/index.js';
import { detachLeftovers, ids, open } from '../support/fabric.js';
import { freezeThread } from '../support/freezer.js';
import { limits } from '../support/limits.js';
import { Load } from '../support/load.js';
import { expectNothingHeld } from '../support/rdma.js';
import { release } from '../support/release.js';
import { within } from '../support/timing.js';

/** The shortest keep-alive timeout that a target applies. */
const keepAliveMs = 1_000;

let env: Environment;
beforeAll(async () => {
  env = await open({ pollers: 1 });
});
afterEach(() => detachLeftovers(env));
afterAll(() => env.close());

it('for longer than the keep-alive timeout: the controller stays attached, and its I/O completes afterwards', async () => {
  // With `adaptive` JavaScript polls meanwhile.
  const controller = await env.attach(ids.disk0, { ioQueues: 2, keepAliveMs, polling: 'threads' });
  const reported: string[] = [];
  controller.on('state', (state) => reported.push(state)).on('failed', ({ code }) => reported.push(code));
  const load = new Load(controller);
  await load.progress(32);
  const thaw = await freezeThread('spdk-poll-0');
  // What was completed before arrives here meanwhile.
  await sleep(500);
  const { ok } = load;
  await sleep(4 * keepAliveMs);
  expect(load.ok).toBe(ok);
  // Admin commands have a thread of their own.
  await within(limits.response, controller.admin.identify(1));
  expect(controller.state).toBe('attached');
  thaw();
  await within(limits.response, load.progress(32));
  expect(reported).toEqual([]);
  await load.expectAllEnd(limits.response);
  expect(load.codes).toEqual(new Map());
  expect((await within(limits.detach, controller.detach())).aborted).toBe(0);
  await expectNothingHeld();
});

it('at a detach of an idle controller: the detach does without it, or says in time who holds it up', async () => {
  const controller = await env.attach(ids.disk0, { ioQueues: 2 });
  const thaw = await freezeThread('spdk-poll-0');
  const detached = within(limits.detach, controller.detach({ timeoutMs: 2_000 }));
  if (release() >= 2205) {
    // A queue pair is disconnected by the thread that polls it.
    const error = await detached.catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'ERR_SPDK_WEDGED' });
    expect(error).toHaveProperty('nativeStack', expect.stringContaining('spdk-poll-0'));
    thaw();
  } else {
    await detached;
  }
  await expectNothingHeld();
});
