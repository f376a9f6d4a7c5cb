// A discovery service that is watched while its target changes, stops and restarts; and an attach of all its entries.

import os from 'node:os';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type AttachAllReport, type DiscoveryChange, Environment } from '../../lib/index.js';
import { ensureHugepages } from '../../scripts/target/hugepages.js';
import { type SpdkTarget, startSpdkTarget } from '../../scripts/target/spdk-target.js';
import { expectNoConnections } from '../integration/suites/target.js';
import { limits } from '../integration/support/limits.js';
import { codeOf, within } from '../integration/support/timing.js';

const listener = { trtype: 'TCP', traddr: '127.0.0.1', trsvcid: '4477' } as const;
const listenAddress = { ...listener, adrfam: 'IPv4' };
const prefix = 'nqn.2026-11.dev.spdk-nvme:offered-';
/** The target's release reports no changes, so that its log is read this often. */
const pollIntervalMs = 100;
const disk = { kind: 'malloc', sizeMb: 16, blockSize: 512 } as const;
const memoryMb = 128;

let target: SpdkTarget;
let env: Environment;
const start = async () => {
  target = await startSpdkTarget({
    listener,
    core: os.availableParallelism() - 1,
    subsystems: ['a', 'b'].map((name) => ({ nqn: prefix + name, serial: name.toUpperCase(), disk })),
  });
};
beforeAll(async () => {
  await start();
  ensureHugepages(memoryMb);
  env = await Environment.init({ memoryMb });
});
afterAll(async () => {
  await env?.close();
  await target?.stop();
});

const names = (entries: DiscoveryChange['added']) =>
  entries
    .filter(({ subsystemNqn }) => subsystemNqn.startsWith(prefix))
    .map(({ subsystemNqn, service }) => `${subsystemNqn.slice(prefix.length)}@${service}`);
const inShort = ({ added, removed }: DiscoveryChange) => ({ added: names(added), removed: names(removed) });

describe('a watched discovery service', () => {
  it('reports listeners and subsystems that come and go', async () => {
    const watch = await env.watchDiscovery(listener, { pollIntervalMs });
    const changes = watch[Symbol.asyncIterator]();
    const next = async () => inShort((await within(limits.attach, changes.next())).value);
    expect(await next()).toEqual({ added: ['a@4477', 'b@4477'], removed: [] });
    const more = { nqn: `${prefix}a`, listen_address: { ...listenAddress, trsvcid: '4478' } };
    await target.call('nvmf_subsystem_add_listener', more);
    expect(await next()).toEqual({ added: ['a@4478'], removed: [] });
    await target.call('nvmf_subsystem_remove_listener', more);
    expect(await next()).toEqual({ added: [], removed: ['a@4478'] });
    await target.call('nvmf_create_subsystem', { nqn: `${prefix}c`, allow_any_host: true });
    await target.call('nvmf_subsystem_add_listener', { nqn: `${prefix}c`, listen_address: listenAddress });
    expect(await next()).toEqual({ added: ['c@4477'], removed: [] });
    await target.call('nvmf_delete_subsystem', { nqn: `${prefix}c` });
    expect(await next()).toEqual({ added: [], removed: ['c@4477'] });
    expect(env.controllers).toEqual([]);
    const last = changes.next();
    await within(limits.detach, watch.close());
    expect(await last).toEqual({ done: true, value: undefined });
    await expectNoConnections([listener.trsvcid]);
  });

  it('is connected again when its target is', async () => {
    const watch = await env.watchDiscovery(listener, { pollIntervalMs, reconnectDelayMs: 100 });
    const heard: string[] = [];
    watch.on('resetting', () => heard.push('resetting'));
    watch.on('reset', () => heard.push('reset'));
    watch.on('change', ({ added, removed }) => heard.push(`+${names(added)} -${names(removed)}`));
    await vi.waitFor(() => expect(heard).toEqual(['+a@4477,b@4477 -']), { timeout: 5_000 });
    await target.stop('SIGKILL');
    await vi.waitFor(() => expect(heard).toContain('resetting'), { timeout: 5_000 });
    await start();
    await target.call('nvmf_delete_subsystem', { nqn: `${prefix}b` });
    await vi.waitFor(() => expect(heard.at(-1)).toBe('+ -b@4477'), { timeout: 10_000 });
    // The target may be there before the listener of its second subsystem is: then that one goes and comes meanwhile.
    const meanwhile = ['+ -b@4477', '+b@4477 -'];
    const others = heard.slice(1, -1).filter((word) => !meanwhile.includes(word));
    expect(others).toEqual(['resetting', 'reset']);
    await watch.close();
    await expectNoConnections([listener.trsvcid]);
  });

  it('notices a target that no longer responds, and is connected again when it does', async () => {
    const options = { pollIntervalMs, keepAliveMs: 1_000, reconnectDelayMs: 100 };
    const watch = await env.watchDiscovery(listener, options);
    const heard: string[] = [];
    watch.on('resetting', () => heard.push('resetting'));
    watch.on('reset', () => heard.push('reset'));
    process.kill(target.pid, 'SIGSTOP');
    try {
      await vi.waitFor(() => expect(heard).toEqual(['resetting']), { timeout: limits.noticed });
      expect(watch.connected).toBe(false);
    } finally {
      process.kill(target.pid, 'SIGCONT');
    }
    await vi.waitFor(() => expect(heard).toEqual(['resetting', 'reset']), { timeout: limits.attach });
    // It reads the log of the new connection, too.
    const nqn = `${prefix}later`;
    await target.call('nvmf_create_subsystem', { nqn, allow_any_host: true });
    await target.call('nvmf_subsystem_add_listener', { nqn, listen_address: listenAddress });
    const offered = () => names(watch.log.entries);
    await vi.waitFor(() => expect(offered()).toContain('later@4477'), { timeout: limits.noticed });
    await target.call('nvmf_delete_subsystem', { nqn });
    await watch.close();
    await expectNoConnections([listener.trsvcid]);
  });

  it('is left at once when its target no longer responds', async () => {
    const watch = await env.watchDiscovery(listener, { keepAliveMs: 0 });
    process.kill(target.pid, 'SIGSTOP');
    try {
      const ended = (async () => {
        for await (const _ of watch);
      })();
      await within(limits.detach, watch.close());
      await ended;
    } finally {
      process.kill(target.pid, 'SIGCONT');
    }
    await expectNoConnections([listener.trsvcid]);
  });
});

it('a target that shows hosts different logs hears which host asks', async () => {
  const friend = 'nqn.2026-11.dev.spdk-nvme:friend';
  const own = `${prefix}friends`;
  await target.call('nvmf_create_subsystem', { nqn: own, allow_any_host: false });
  await target.call('nvmf_subsystem_add_host', { nqn: own, host: friend });
  await target.call('nvmf_subsystem_add_listener', { nqn: own, listen_address: listenAddress });
  const shown = async (options: object) => names((await env.discover(listener, options)).entries);
  expect(await shown({})).not.toContain('friends@4477');
  expect(await shown({ hostNqn: friend })).toContain('friends@4477');
  await target.call('nvmf_delete_subsystem', { nqn: own });
});

describe('env.attachAll', () => {
  const short = ({ attached, present, failed }: AttachAllReport) => ({
    attached: names(attached.map(({ entry }) => entry)),
    present: names(present.map(({ entry }) => entry)),
    failed: names(failed.map(({ entry }) => entry)),
  });

  const addSecond = async () => {
    const nqn = `${prefix}second`;
    await target.call('nvmf_create_subsystem', { nqn, allow_any_host: true });
    await target.call('nvmf_subsystem_add_listener', { nqn, listen_address: listenAddress });
  };

  it('attaches what is there and not attached yet', async () => {
    const first = await env.attachAll(listener);
    expect(short(first).attached).toContain('a@4477');
    const controller = first.attached[0]?.controller;
    await controller?.namespaces[0]?.write(Buffer.alloc(512, 7), { offset: 0 });
    expect(short(await env.attachAll(listener))).toMatchObject({
      attached: [],
      present: short(first).attached,
    });
    const friend = { hostNqn: 'nqn.2026-11.dev.spdk-nvme:friend' };
    const theirs = await env.attachAll(listener, {
      ...friend,
      filter: ({ subsystemNqn }) => subsystemNqn.endsWith(':offered-a'),
    });
    expect(short(theirs)).toEqual({ attached: ['a@4477'], present: [], failed: [] });
    await Promise.all(env.controllers.map((one) => one.detach()));
    await expectNoConnections([listener.trsvcid]);
  });

  it('leaves nothing attached when it is aborted, at any moment', async () => {
    await addSecond();
    const outcome = (signal: AbortSignal) =>
      within(limits.attach, codeOf(env.attachAll(listener, { signal, concurrency: 1 })));
    // From the connect to the discovery service to the attach of the first subsystem; on a fast machine all may be attached by then.
    for (const delayMs of [0, 5, 10, 15, 20, 25]) {
      const code = await outcome(AbortSignal.timeout(delayMs));
      if (delayMs > 0 && code === 'none') await Promise.all(env.controllers.map((one) => one.detach()));
      else expect(code).toBe('ERR_SPDK_ABORTED');
    }
    const between = new AbortController();
    env.once('attached', () => between.abort());
    expect(await outcome(between.signal)).toBe('ERR_SPDK_ABORTED');
    // Each of its attaches waits until the one before it, which was cancelled or is being detached, has ended.
    const after = await env.attachAll(listener);
    expect(env.controllers).toHaveLength(after.attached.length);
    expect(short(after)).toMatchObject({ present: [], failed: [] });
    expect(short(after).attached).toEqual(expect.arrayContaining(['a@4477', 'second@4477']));
    await Promise.all(env.controllers.map((one) => one.detach()));
    await expectNoConnections([listener.trsvcid]);
  });

  it('is aborted in time when the target stops responding between two attaches', async () => {
    const stop = new AbortController();
    env.once('attached', () => {
      process.kill(target.pid, 'SIGSTOP');
      setTimeout(() => stop.abort(), 50);
    });
    const startMs = performance.now();
    const all = env.attachAll(listener, { signal: stop.signal, concurrency: 1 });
    try {
      await expect(within(limits.detach, all)).rejects.toMatchObject({ code: 'ERR_SPDK_ABORTED' });
    } finally {
      process.kill(target.pid, 'SIGCONT');
    }
    expect(performance.now() - startMs).toBeLessThan(8_000);
    await expect.poll(() => env.controllers, { timeout: limits.detach }).toEqual([]);
    await expectNoConnections([listener.trsvcid]);
  });
});
