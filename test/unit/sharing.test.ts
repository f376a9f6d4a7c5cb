// Environment.shared(): one environment for several holders.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Environment, type EnvironmentOptions, type SharedEnvironment } from '../../lib/index.js';
import { useAddon } from '../../lib/native/addon.js';
import { MemoryAddon } from '../../lib/testing/addon.js';

let addon: MemoryAddon;
let held: SharedEnvironment[] = [];

beforeEach(() => {
  addon = new MemoryAddon();
  useAddon(addon);
});
afterEach(async () => {
  await Promise.all(held.map((share) => share.close()));
  held = [];
  expect(addon.violations.list).toEqual([]);
  useAddon(undefined);
});

async function share(options?: EnvironmentOptions): Promise<SharedEnvironment> {
  const one = await Environment.shared(options);
  held.push(one);
  return one;
}

describe('a shared environment', () => {
  it('is the same for all, also for those that ask at once, and is closed with the last', async () => {
    const shares = await Promise.all([share(), share(), share()]);
    expect(addon.environments).toHaveLength(1);
    const [first, second, third] = shares as [SharedEnvironment, SharedEnvironment, SharedEnvironment];
    const { environment } = first;
    expect(second.environment).toBe(environment);
    const subsystem = addon.addTarget().addSubsystem('nqn.2026-01.com.example:disk');
    const controller = await environment.attach(subsystem.id);

    await first.close();
    await first.close();
    await second[Symbol.asyncDispose]();
    expect([first.closed, third.closed, environment.closed]).toEqual([true, false, false]);
    expect(controller.state).toBe('attached');
    await third.close();
    expect(environment.closed).toBe(true);
    expect(controller.state).toBe('detached');
  });

  it('is opened anew after the last has closed it, also while it is being closed', async () => {
    const first = await share({ pollers: 2 });
    const closing = first.close();
    const second = await share({ pollers: 3 });
    await closing;
    expect(second.environment).not.toBe(first.environment);
    expect(second.environment.stats().pollers).toHaveLength(3);
  });

  it('stays open for one that asks just before the last is closed', async () => {
    const first = await share();
    const [second] = await Promise.all([share(), first.close()]);
    expect(second.environment).toBe(first.environment);
    expect(second.environment.closed).toBe(false);
  });

  it('rejects an option that differs, by its name, and takes what is left out as it is', async () => {
    await share({ pollers: 2, memoryMb: 128 });
    const [same, other] = await Promise.allSettled([
      share({ pollers: 2, logLevel: 'notice' }),
      share({ memoryMb: 256 }),
    ]);
    expect(same).toMatchObject({ status: 'fulfilled' });
    expect(other).toMatchObject({
      status: 'rejected',
      reason: { code: 'ERR_SPDK_CONFLICTING_OPTIONS', message: expect.stringMatching(/memoryMb 128.*256/) },
    });
    expect((await share()).environment.stats().pollers).toHaveLength(2);
    // A call that is rejected holds no share.
    await Promise.all(held.map((one) => one.close()));
    expect(held[0]?.environment.closed).toBe(true);
  });

  it('is opened anew after somebody has closed the environment itself', async () => {
    const first = await share();
    await first.environment.close();
    // The options of a new environment may differ.
    const second = await share({ pollers: 3 });
    expect(second.environment.stats().pollers).toHaveLength(3);
    await first.close();
    expect(second.environment.closed).toBe(false);
  });

  it('rejects all that wait when it cannot be opened, and is tried again by the next', async () => {
    await using env = await Environment.init();
    const outcomes = await Promise.allSettled([Environment.shared(), Environment.shared()]);
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'ERR_SPDK_ENV_ALREADY_OPEN' } });
    }
    await env.close();
    await share();
  });

  it.each<[string, () => Promise<unknown>]>([
    ['ERR_SPDK_UNKNOWN_OPTION', () => Environment.shared({ poller: 1 } as never)],
    ['ERR_SPDK_INVALID_ARG_VALUE', () => Environment.shared({ pollers: 0 })],
    ['ERR_SPDK_UNKNOWN_OPTION', async () => (await share()).close({ timeout: 1 } as never)],
  ])('says %s (%#)', async (code, call) => {
    await expect(call()).rejects.toMatchObject({ code });
  });

  it('stays open when bad options to close are rejected', async () => {
    const one = await share();
    await expect(one.close({ timeoutMs: 0 })).rejects.toMatchObject({ code: 'ERR_SPDK_INVALID_ARG_VALUE' });
    expect([one.closed, one.environment.closed]).toEqual([false, false]);
  });
});
