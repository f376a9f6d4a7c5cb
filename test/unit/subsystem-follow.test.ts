// A subsystem whose paths are those of a discovery log.

import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { DiscoveryWatch, Environment, type Subsystem } from '../../lib/index.js';
import type { MemoryDiscovery } from '../../lib/testing/discovery.js';
import {
  type MemoryNamespace,
  type MemoryTarget,
  type Simulation,
  simulate,
} from '../../lib/testing/index.js';

const nqn = 'nqn.2026-01.com.example:shared';
const addresses = ['192.0.2.1', '192.0.2.2', '192.0.2.3'];
const service = (traddr: string) => `trtype:TCP adrfam:IPv4 traddr:${traddr} trsvcid:4420`;
const pathId = (traddr: string) => `${service(traddr)} subnqn:${nqn}`;
const entry = (traddr: string) => ({ traddr, subnqn: nqn });

let simulation: Simulation;
let targets: MemoryTarget[];
let discovery: MemoryDiscovery;
let disk: MemoryNamespace;
let env: Environment;
let watch: DiscoveryWatch;
let subsystem: Subsystem;

/** Three targets with a disk of all; the first one has the log. */
beforeEach(async () => {
  simulation = simulate();
  targets = addresses.map((traddr) => simulation.addTarget({ traddr }));
  const sides = targets.map((target) => target.addSubsystem(nqn));
  disk = sides[0]?.addNamespace(1, { blocks: 64 }) as MemoryNamespace;
  for (const side of sides.slice(1)) side.shareNamespace(disk);
  discovery = (targets[0] as MemoryTarget).addDiscovery() as MemoryDiscovery;
  discovery.entries = [entry('192.0.2.1')];
  env = await Environment.init();
  watch = await env.watchDiscovery(service('192.0.2.1'));
  subsystem = await env.attachSubsystem([pathId('192.0.2.1')], { reconnectDelayMs: 10 });
});
afterEach(async () => {
  await env.close();
  expect(simulation.misuse).toEqual([]);
  simulation.restore();
});

const up = () =>
  subsystem.paths
    .filter(({ state }) => state === 'up')
    .map(({ transportId }) => transportId.traddr.slice(-1))
    .join('');

async function until(condition: () => boolean): Promise<void> {
  for (const end = performance.now() + 15_000; !condition(); await sleep(2)) {
    if (performance.now() > end) throw new Error(`it did not come to that: ${up()} is up`);
  }
}

it('adds the paths of the log, and removes those that vanish from it', async () => {
  discovery.entries = [entry('192.0.2.1'), entry('192.0.2.2')];
  subsystem.follow(watch);
  await until(() => up() === '12');
  discovery.entries = [entry('192.0.2.2'), entry('192.0.2.3')];
  await until(() => up() === '23' && subsystem.paths.length === 2);
  await subsystem.namespaces[0]?.write(Buffer.alloc(512, 4), { offset: 0 });
  expect(disk.data[0]).toBe(4);
});

it('removes a path of the log that the program has given, and none that no log had', async () => {
  subsystem.addPath(pathId('192.0.2.3'));
  subsystem.follow(watch);
  await until(() => up() === '13');
  discovery.entries = [entry('192.0.2.2')];
  await until(() => up() === '23' || up() === '32');
});

it('has at most 64 paths, however many addresses a log has, and exchanges them for others', async () => {
  const nowhere = Array.from({ length: 3_000 }, (_, i) => entry(`198.18.${i >> 8}.${i & 255}`));
  discovery.entries = [...nowhere, entry('192.0.2.1')];
  await until(() => watch.log.entries.length === nowhere.length + 1);
  const begun = performance.now();
  subsystem.follow(watch);
  expect(performance.now() - begun).toBeLessThan(5_000);
  expect(subsystem.paths).toHaveLength(64);
  expect(subsystem.history.at(-1)?.text).toBe(
    'listed addresses that are not used, because there are 64 paths: 2937',
  );
  discovery.entries = [entry('192.0.2.1'), ...nowhere.slice(100, 162), entry('192.0.2.2')];
  await until(() => subsystem.paths.length === 64 && up() === '12');
});

it('keeps the last path that is up until there is another one', async () => {
  subsystem.follow(watch);
  discovery.entries = [];
  await sleep(20);
  expect(up()).toBe('1');
  discovery.entries = [entry('192.0.2.2')];
  await until(() => up() === '2' && subsystem.paths.length === 1);
});

it('does not add again what the program has removed, before it has vanished and come again', async () => {
  discovery.entries = [entry('192.0.2.1'), entry('192.0.2.2')];
  subsystem.follow(watch);
  await until(() => up() === '12');
  const [, second] = subsystem.paths;
  if (second) await subsystem.removePath(second);
  discovery.entries = [entry('192.0.2.1'), entry('192.0.2.2'), entry('192.0.2.3')];
  await until(() => up() === '13');
  discovery.entries = [entry('192.0.2.1'), entry('192.0.2.3')];
  await until(() => watch.log.entries.length === 2);
  discovery.entries = [entry('192.0.2.1'), entry('192.0.2.2'), entry('192.0.2.3')];
  await until(() => subsystem.paths.length === 3);
});

it.each(['follow', 'unfollow'] as const)(
  'a path that comes again while it is being removed is added when it is removed, unless the log is no longer followed (%s)',
  async (end) => {
    discovery.entries = [entry('192.0.2.1'), entry('192.0.2.2')];
    subsystem.follow(watch);
    await until(() => up() === '12');
    const [first, second] = subsystem.paths;
    const events: string[] = [];
    subsystem.on('pathRemoved', (path) => events.push(path === second ? 'removed' : 'another removed'));
    subsystem.on('pathAdded', () => events.push('added'));
    subsystem.prefer(second);
    const target = targets[1] as MemoryTarget;
    // Longer than all that happens meanwhile.
    target.latencyMs = 1_000;
    const reading = subsystem.namespaces[0]?.read(Buffer.alloc(512), { offset: 0 });
    await sleep(5);
    discovery.entries = [entry('192.0.2.1')];
    await until(() => second?.state === 'detaching');
    discovery.entries = [entry('192.0.2.1'), entry('192.0.2.2')];
    await until(() => watch.log.entries.length === 2);
    expect(second?.state).toBe('detaching');
    if (end === 'unfollow') subsystem.unfollow(watch);
    target.latencyMs = 0;
    await reading;
    await until(() => second?.state === 'detached');
    await until(() => up() === (end === 'follow' ? '12' : '1'));
    await sleep(5);
    expect(subsystem.paths[0]).toBe(first);
    expect(events).toEqual(end === 'follow' ? ['removed', 'added'] : ['removed']);
  },
);

it('leaves other subsystems, referrals and what it cannot use', async () => {
  discovery.entries = [
    entry('192.0.2.1'),
    { traddr: '192.0.2.2', subnqn: `${nqn}2` },
    { ...entry('192.0.2.2'), subtype: 1 },
    { ...entry('192.0.2.2'), treq: 1 },
    { ...entry('192.0.2.2'), trtype: 2 },
    entry('0.0.0.0'),
    // Of the other family than the local address.
    { ...entry('192.0.2.2'), adrfam: 2, traddr: '2001:db8::1' },
  ];
  await subsystem.detach();
  subsystem = await env.attachSubsystem([pathId('192.0.2.1')], { sourceAddress: '192.0.2.9' });
  subsystem.follow(watch);
  const notes = () => subsystem.history.filter(({ kind }) => kind === 'note').map(({ code }) => code);
  await until(() => notes().length > 0);
  await sleep(10);
  expect(subsystem.paths).toHaveLength(1);
  expect(notes()).toEqual(['ERR_SPDK_CONFLICTING_OPTIONS']);
});

it('goes on after the program has removed all listeners of the watch, which any number of subsystems follow', async () => {
  const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
  subsystem.follow(watch);
  const names = Array.from({ length: 12 }, (_, i) => `nqn.2026-01.com.example:other${i}`);
  for (const name of names) {
    targets[0]?.addSubsystem(name);
    (await env.attachSubsystem([`${service('192.0.2.1')} subnqn:${name}`])).follow(watch);
  }
  expect(warned).not.toHaveBeenCalled();
  warned.mockRestore();
  watch.removeAllListeners();
  discovery.entries = [entry('192.0.2.1'), entry('192.0.2.2')];
  await until(() => up() === '12');
  await watch.close();
  expect(watch.ownEvents.listenerCount('change')).toBe(0);
});

it('removes what has vanished from the logs of all services', async () => {
  const other = targets[1]?.addDiscovery() as MemoryDiscovery;
  other.entries = [entry('192.0.2.1'), entry('192.0.2.2')];
  const second = await env.watchDiscovery(service('192.0.2.2'));
  discovery.entries = [entry('192.0.2.1'), entry('192.0.2.2')];
  subsystem.follow(watch);
  subsystem.follow(second);
  await until(() => up() === '12');
  discovery.entries = [entry('192.0.2.1')];
  await until(() => watch.log.entries.length === 1);
  await sleep(5);
  expect(up()).toBe('12');
  other.entries = [entry('192.0.2.1')];
  await until(() => up() === '1');
});

it('ends with the watch, with unfollow() and with the detach, and the paths stay', async () => {
  subsystem.follow(watch);
  subsystem.follow(watch);
  subsystem.unfollow(watch);
  discovery.entries = [entry('192.0.2.1'), entry('192.0.2.2')];
  await until(() => watch.log.entries.length === 2);
  await sleep(5);
  expect(up()).toBe('1');
  subsystem.follow(watch);
  await until(() => up() === '12');
  await watch.close();
  expect(up()).toBe('12');
  subsystem.follow(watch);
  await subsystem.detach();
  expect(watch.ownEvents.listenerCount('change')).toBe(0);
  expect(() => subsystem.follow(watch)).toThrow(
    expect.objectContaining({ code: 'ERR_SPDK_CONTROLLER_DETACHED' }),
  );
});

it.each(['unfollow', 'close'] as const)(
  'after %s() nothing is removed any more, what had vanished before included',
  async (way) => {
    subsystem.follow(watch);
    discovery.entries = [];
    await until(() => watch.log.entries.length === 0);
    if (way === 'close') await watch.close();
    else subsystem.unfollow(watch);
    subsystem.addPath(pathId('192.0.2.2'));
    await until(() => up() === '12');
    await sleep(5);
    expect(subsystem.paths).toHaveLength(2);
    if (way === 'close') return;
    // Followed again, it removes what it has had since.
    subsystem.follow(watch);
    discovery.entries = [entry('192.0.2.1')];
    await until(() => watch.log.entries.length === 1);
    discovery.entries = [];
    await until(() => up() === '2' && subsystem.paths.length === 1);
  },
);

it('of two watches the end of one keeps its paths, and the other one removes its own', async () => {
  const other = targets[1]?.addDiscovery() as MemoryDiscovery;
  other.entries = [entry('192.0.2.3')];
  const second = await env.watchDiscovery(service('192.0.2.2'));
  subsystem.follow(watch);
  subsystem.follow(second);
  await until(() => up() === '13');
  const [, third] = subsystem.paths;
  // Neither is removed while no other one is up.
  const gone = targets[2] as MemoryTarget;
  gone.rejection = { code: 'ERR_SPDK_UNREACHABLE', message: 'no' };
  gone.dropLinks();
  await until(() => up() === '1');
  discovery.entries = [];
  other.entries = [];
  await until(() => watch.log.entries.length + second.log.entries.length === 0);
  subsystem.unfollow(watch);
  await until(() => subsystem.paths.length === 1);
  expect(third?.state).toBe('detached');
  expect(up()).toBe('1');
});

it('does not remove what the program has removed and added again', async () => {
  subsystem.follow(watch);
  discovery.entries = [];
  await until(() => watch.log.entries.length === 0);
  const [first] = subsystem.paths;
  if (first) await subsystem.removePath(first);
  subsystem.addPath(pathId('192.0.2.1'));
  subsystem.addPath(pathId('192.0.2.2'));
  await until(() => up() === '12');
  await sleep(5);
  expect(subsystem.paths).toHaveLength(2);
});

it.each([
  undefined,
  {},
  'x',
  Object.create(DiscoveryWatch.prototype),
  new Proxy(
    {},
    {
      getPrototypeOf: () => {
        throw new Error('no');
      },
    },
  ),
])('rejects what is no watch', (value) => {
  for (const call of ['follow', 'unfollow'] as const) {
    expect(() => subsystem[call](value as DiscoveryWatch)).toThrow(
      expect.objectContaining({ code: 'ERR_SPDK_INVALID_ARG_TYPE' }),
    );
  }
});
