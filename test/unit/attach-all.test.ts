// Attaching everything that a discovery log offers, on the addon in memory.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { AttachAllReport, Controller, DiscoveryLog } from '../../lib/index.js';
import { useAddon } from '../../lib/native/addon.js';
import type { MemoryDiscovery } from '../../lib/testing/discovery.js';
import type { WrittenEntry } from '../../lib/testing/discovery-log.js';
import { type Fixture, makeFixture } from './memory/fixture.js';

const service = 'trtype:TCP adrfam:IPv4 traddr:127.0.0.1 trsvcid:4420';
const entry = (name: string, other: WrittenEntry = {}): WrittenEntry => ({
  traddr: '127.0.0.1',
  subnqn: `nqn.2026-01.io.spdk:${name}`,
  ...other,
});

let fixture: Fixture;
let discovery: MemoryDiscovery;
beforeEach(async () => {
  fixture = await makeFixture();
  discovery = fixture.target.addDiscovery();
  for (const name of ['a', 'b', 'c']) fixture.disk(name);
  discovery.entries = ['a', 'b', 'c'].map((name) => entry(name));
});
afterEach(async () => {
  await fixture.env.close();
  expect(fixture.addon.violations.list).toEqual([]);
  await vi.waitFor(() => expect(fixture.addon.scheduler.pending).toBe(0), { timeout: 10_000 });
  expect(fixture.target.connections.size).toBe(0);
  useAddon(undefined);
});

const nameOf = (one: { readonly entry: { readonly subsystemNqn: string } }) =>
  one.entry.subsystemNqn.slice('nqn.2026-01.io.spdk:'.length);

/** A report in short: names, and why. */
const inShort = ({ attached, present, failed, skipped }: AttachAllReport) => ({
  attached: attached.map(nameOf).sort(),
  present: present.map(nameOf).sort(),
  failed: failed.map((one) => `${nameOf(one)} ${(one.error as { code?: string }).code}`).sort(),
  skipped: skipped.map((one) => `${nameOf(one)} ${one.reason}`).sort(),
});

describe('env.attachAll', () => {
  it('attaches all that a service offers', async () => {
    const report = await fixture.env.attachAll(service, { ioQueues: 2 });
    expect(inShort(report)).toEqual({ attached: ['a', 'b', 'c'], present: [], failed: [], skipped: [] });
    expect(report.log.entries).toHaveLength(3);
    expect(new Set(fixture.env.controllers)).toEqual(
      new Set(report.attached.map(({ controller }) => controller)),
    );
    expect(report.attached.map(({ controller }) => controller.queuePairs.length)).toEqual([2, 2, 2]);
  });

  it('leaves alone what this host has attached, and not what another host has', async () => {
    const a = await fixture.attach('a');
    await fixture.attach('b', { hostNqn: 'nqn.2026-01.io.spdk:other-host' });
    const log = await fixture.env.discover(service);
    const report = await fixture.env.attachAll(log);
    expect(inShort(report)).toMatchObject({ attached: ['b', 'c'], present: ['a'] });
    expect(report.present[0]?.controller).toBe(a);
    expect(inShort(await fixture.env.attachAll(log))).toMatchObject({
      attached: [],
      present: ['a', 'b', 'c'],
    });
    const uuid = '11111111-2222-4333-8444-555555555555';
    const other = { hostNqn: `nqn.2014-08.org.nvmexpress:uuid:${uuid}` };
    expect(inShort(await fixture.env.attachAll(log, other)).attached).toEqual(['a', 'b', 'c']);
    expect(inShort(await fixture.env.attachAll(log, { ...other, hostId: uuid })).present).toHaveLength(3);
    const onlyA = { filter: ({ subsystemNqn }: { subsystemNqn: string }) => subsystemNqn.endsWith(':a') };
    const sameName = { ...other, hostId: '11111111-2222-4333-8444-666666666666' };
    expect(inShort(await fixture.env.attachAll(log, { ...onlyA, ...sameName })).attached).toEqual(['a']);
    const sameId = { hostNqn: 'nqn.2026-01.io.spdk:third-host', hostId: uuid };
    expect(inShort(await fixture.env.attachAll(log, { ...onlyA, ...sameId })).attached).toEqual(['a']);
  });

  it('goes on past what cannot be attached', async () => {
    fixture.target.removeSubsystem('nqn.2026-01.io.spdk:b');
    const report = await fixture.env.attachAll(service);
    expect(inShort(report)).toMatchObject({ attached: ['a', 'c'], failed: ['b ERR_SPDK_CONNECT_REJECTED'] });
  });

  it('says why it leaves entries out', async () => {
    discovery.entries = [
      entry('a'),
      entry('a'),
      entry('b'),
      entry('any', { traddr: '0.0.0.0' }),
      entry('any6', { traddr: '::', adrfam: 2 }),
      entry('tls', { treq: 1 }),
      entry('fc', { trtype: 2 }),
      entry('service', { subtype: 3 }),
    ];
    const filter = ({ subsystemNqn }: { subsystemNqn: string }) => !subsystemNqn.endsWith(':b');
    expect(inShort(await fixture.env.attachAll(service, { filter }))).toEqual({
      attached: ['a'],
      present: [],
      failed: [],
      skipped: [
        'a duplicate',
        'any any-address',
        'any6 any-address',
        'b filter',
        'fc transport',
        'service not-nvm',
        'tls secure-channel',
      ],
    });
  });

  it('attaches what referred services offer', async () => {
    const other = fixture.addon.addTarget({ traddr: '127.0.0.2', trsvcid: '4420' });
    other.addSubsystem('nqn.2026-01.io.spdk:far').addNamespace(1, { blocks: 64 });
    other.addDiscovery().entries = [entry('far', { traddr: '127.0.0.2' })];
    const referral = { subtype: 1, traddr: '127.0.0.2', subnqn: 'nqn.2014-08.org.nvmexpress.discovery' };
    discovery.entries = [entry('a'), referral];
    expect(inShort(await fixture.env.attachAll(service)).attached).toEqual(['a']);
    expect(inShort(await fixture.env.attachAll(service, { referralDepth: 1 }))).toMatchObject({
      attached: ['far'],
      present: ['a'],
    });
  });

  it('has no more attaches under way than it may', async () => {
    fixture.target.connectMs = 10;
    discovery.entries = ['a', 'b', 'c'].map((name) => entry(name));
    const log = await fixture.env.discover(service);
    const begun = vi.spyOn(fixture.addon.environments[0] as object as { attach: () => void }, 'attach');
    const attachedFirst = new Promise<number>((resolve) =>
      fixture.env.once('attached', () => resolve(begun.mock.calls.length)),
    );
    await fixture.env.attachAll(log, { concurrency: 1 });
    // The next attach starts immediately, possibly before the event.
    expect(await attachedFirst).toBeLessThanOrEqual(2);
    expect(begun).toHaveBeenCalledTimes(3);
  });

  it('detaches what it has attached when it is aborted', async () => {
    const a = await fixture.attach('a');
    const log = await fixture.env.discover(service);
    fixture.target.connectMs = 5;
    const stop = new AbortController();
    let attached: Controller | undefined;
    fixture.env.once('attached', (controller) => {
      attached = controller;
      stop.abort('enough');
    });
    const all = fixture.env.attachAll(log, { signal: stop.signal, concurrency: 1 });
    await expect(all).rejects.toMatchObject({ code: 'ERR_SPDK_ABORTED', cause: 'enough' });
    // The attach ends in the background, and another attach of the same controller waits for that.
    const again = await fixture.env.attachAll(log);
    expect(inShort(again)).toMatchObject({ attached: ['b', 'c'], present: ['a'], failed: [] });
    expect(attached?.state).toBe('detached');
    expect(fixture.env.controllers).toEqual([a, ...again.attached.map(({ controller }) => controller)]);
  });

  it('is rejected when the environment is closed meanwhile', async () => {
    fixture.target.connectMs = 20;
    const log = await fixture.env.discover(service);
    const all = expect(fixture.env.attachAll(log)).rejects.toMatchObject({ code: 'ERR_SPDK_ENV_CLOSED' });
    await fixture.env.close();
    await all;
  });

  it('is rejected when the log cannot be read', async () => {
    fixture.target.removeSubsystem(discovery.nqn);
    await expect(fixture.env.attachAll(service)).rejects.toMatchObject({ code: 'ERR_SPDK_CONNECT_REJECTED' });
  });
});

describe('bad input of env.attachAll', () => {
  const filter = () => {
    throw new Error('no filter');
  };
  it.each([
    [{ concurrency: 0 }, 'ERR_SPDK_INVALID_ARG_VALUE'],
    [{ filter: true }, 'ERR_SPDK_INVALID_ARG_TYPE'],
    [{ filter }, 'ERR_SPDK_INVALID_ARG_VALUE'],
    [{ filter: async () => false }, 'ERR_SPDK_INVALID_ARG_VALUE'],
    [{ ioQueues: 0 }, 'ERR_SPDK_INVALID_ARG_VALUE'],
    [{ signal: 1 }, 'ERR_SPDK_INVALID_ARG_TYPE'],
    [{ parallel: 4 }, 'ERR_SPDK_UNKNOWN_OPTION'],
    [{ referralDepth: 1 }, 'ERR_SPDK_CONFLICTING_OPTIONS'],
    [null, 'ERR_SPDK_INVALID_ARG_TYPE'],
  ])('options %o', async (options, code) => {
    const log = await fixture.env.discover(service);
    await expect(fixture.env.attachAll(log, options as never)).rejects.toMatchObject({ code });
    expect(fixture.env.controllers).toEqual([]);
  });

  it('a place or a log', async () => {
    const log = await fixture.env.discover(service);
    const rejected = (from: unknown, code: string) =>
      expect(fixture.env.attachAll(from as DiscoveryLog)).rejects.toMatchObject({ code });
    await rejected(7, 'ERR_SPDK_INVALID_ARG_TYPE');
    await rejected('nonsense', 'ERR_SPDK_INVALID_TRANSPORT_ID');
    await rejected({ entries: null }, 'ERR_SPDK_INVALID_ARG_VALUE');
    await rejected({ ...log, entries: [null] }, 'ERR_SPDK_INVALID_ARG_VALUE');
    await rejected({ ...log, referrals: undefined }, 'ERR_SPDK_INVALID_ARG_VALUE');
    const circle: unknown[] = [];
    circle.push({ ...log, referrals: circle });
    await rejected({ ...log, referrals: circle }, 'ERR_SPDK_INVALID_ARG_VALUE');
    const [first] = log.entries;
    await rejected({ ...log, entries: [{ ...first, transportId: {} }] }, 'ERR_SPDK_INVALID_ARG_VALUE');
  });
});
