import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import type { Environment } from '../../lib/index.js';
import { ids, open, unreachable } from './support/fabric.js';
import { limits } from './support/limits.js';
import { descriptorCount, threadNames } from './support/proc.js';
import { expectNothingHeld } from './support/rdma.js';
import { codeOf, eventually, rejection, within } from './support/timing.js';

const ours = () => threadNames().filter((name) => /^spdk-(poll|control|watch|open|close)/.test(name));

describe('threads', () => {
  it('are named after what they do', async () => {
    const env = await open({ pollers: 3 });
    const forControllers = ['spdk-control', 'spdk-watch'];
    // A thread names itself in its first turn, which may be later than the answer to who started it.
    const others = () => ours().filter((name) => !forControllers.includes(name));
    const soon = { timeout: limits.response };
    const expected = ['spdk-open-close', 'spdk-poll-0', 'spdk-poll-1', 'spdk-poll-2'];
    await vi.waitFor(() => expect(others().sort()).toEqual(expected), soon);
    const controller = await env.attach(ids.disk0);
    await vi.waitFor(() => expect(ours()).toEqual(expect.arrayContaining(forControllers)), soon);
    await controller.detach();
    await env.close();
    expect(await eventually(limits.response, () => ours().length === 0)).toBe(true);
  });

  it('and file descriptors are as many after every further cycle as after the first', async () => {
    const cycle = async () => {
      const env = await open();
      await Promise.all([env.attach(ids.disk0, { ioQueues: 2 }), env.attach(ids.disk1)]);
      await env.close();
    };
    const left = () => ({ threads: threadNames(), descriptors: descriptorCount() });
    await cycle();
    // A thread that has been joined stays in /proc for a moment.
    expect(await eventually(limits.response, () => ours().length === 0)).toBe(true);
    const before = left();
    for (let i = 0; i < 3; i++) await cycle();
    await vi.waitFor(() => expect(left()).toEqual(before), { timeout: limits.response });
  });
});

describe('close()', () => {
  it('detaches what is attached', async () => {
    const env = await open();
    const controllers = await Promise.all([env.attach(ids.disk0, { ioQueues: 2 }), env.attach(ids.disk1)]);
    const gone: string[] = [];
    env.on('detached', ({ info }) => gone.push(info.serial));
    await within(limits.detach, env.close());
    expect(controllers.map(({ state }) => state)).toEqual(['detached', 'detached']);
    expect(gone.sort()).toEqual(['FABRIC0', 'FABRIC1']);
    expect(env.controllers).toEqual([]);
    await expectNothingHeld();
  });

  it('waits for a detach that is under way', async () => {
    const env = await open();
    const controller = await env.attach(ids.disk0);
    const detached = controller.detach();
    await within(limits.detach, env.close());
    expect(controller.state).toBe('detached');
    expect((await detached).totalMs).toBeGreaterThan(0);
  });

  it.each([0, 20])(
    'settles an attach that began %i ms before, and leaves no controller of it behind',
    async (ms) => {
      const env = await open();
      const outcome = codeOf(env.attach(ids.disk0), 'attached');
      if (ms > 0) await sleep(ms);
      await within(limits.detach, env.close());
      // It may have ended by then, on a fast machine or while this thread did not run.
      expect(ms > 0 ? ['ERR_SPDK_ENV_CLOSED', 'attached'] : ['ERR_SPDK_ENV_CLOSED']).toContain(
        await within(limits.response, outcome),
      );
      await expectNothingHeld();
    },
  );

  it('settles an attach to nowhere immediately, and resolves when SPDK has returned', async () => {
    const env = await open();
    const attach = rejection('ERR_SPDK_ENV_CLOSED', limits.response, env.attach(unreachable()));
    await within(limits.unreachable, env.close());
    await attach;
    await expectNothingHeld();
  });

  it('makes every later attach fail at once', async () => {
    const env = await open();
    const closed = env.close();
    expect(env.closed).toBe(true);
    await rejection('ERR_SPDK_ENV_CLOSED', limits.response, env.attach(ids.disk0));
    await closed;
    await rejection('ERR_SPDK_ENV_CLOSED', limits.response, env.attach(ids.disk0));
    // Bad input is rejected as such, also after the close.
    await rejection('ERR_SPDK_INVALID_TRANSPORT_ID', limits.response, env.attach('trtype:RDMA'));
  });

  it('is done once, however often one asks, and at the end of `await using`', async () => {
    let seen: Environment;
    {
      await using env = await open();
      seen = env;
      await env.attach(ids.disk0);
    }
    expect(seen.closed).toBe(true);
    await within(limits.response, Promise.all([seen.close(), seen.close({ timeoutMs: 1 })]));
    await expectNothingHeld();
  });
});
