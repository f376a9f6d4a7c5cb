import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Environment } from '../../lib/index.js';
import { ids, open, subsystems, unreachable } from './support/fabric.js';
import { limits } from './support/limits.js';
import { expectNothingHeld } from './support/rdma.js';
import { rejection, within } from './support/timing.js';

/** The time that SPDK may take to return from an attach whose promise has settled. */
const background = 10_000;

let env: Environment;
beforeAll(async () => {
  env = await open();
});
afterAll(() => env.close({ timeoutMs: background }));

describe('timeoutMs', () => {
  it('settles on time while SPDK still waits', async () => {
    const begun = performance.now();
    const attach = env.attach(unreachable(), { timeoutMs: 100 });
    const error = await rejection('ERR_SPDK_TIMEOUT', 100 + limits.response, attach);
    expect(performance.now() - begun).toBeGreaterThanOrEqual(99);
    expect(error.message).toContain('100 ms');
    expect(env.controllers).toEqual([]);
  });

  it('settles on time for each of many, while another controller is attached and detached', async () => {
    const hopeless = subsystems.many
      .slice(0, 3)
      .map((subsystem) =>
        rejection(
          'ERR_SPDK_TIMEOUT',
          500 + limits.response,
          env.attach(unreachable(subsystem), { timeoutMs: 500 }),
        ),
      );
    await sleep(50);
    const reachable = await within(limits.attach, env.attach(ids.disk0));
    await within(limits.detach, reachable.detach());
    await Promise.all(hopeless);
    await expectNothingHeld(background);
  });
});

describe('an AbortSignal', () => {
  it('that has fired already stops an attach before it begins', async () => {
    const reason = new Error('changed my mind');
    const attach = env.attach(ids.disk0, { signal: AbortSignal.abort(reason) });
    const error = await rejection('ERR_SPDK_ABORTED', limits.response, attach);
    expect(error.name).toBe('AbortError');
    expect(error.cause).toBe(reason);
    await expectNothingHeld();
  });

  it('ends an attach that gets no response', async () => {
    const aborter = new AbortController();
    const attach = env.attach(unreachable(), { signal: aborter.signal });
    setTimeout(() => aborter.abort(), 100);
    await rejection('ERR_SPDK_ABORTED', 100 + limits.response, attach);
    await expectNothingHeld(background);
  });
});
