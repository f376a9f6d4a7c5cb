// What the verbs `list` and `list-subsys` find behind a discovery log, with targets in memory.

import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Environment } from '../../lib/index.js';
import type { MemoryDiscovery } from '../../lib/testing/discovery.js';
import type { WrittenEntry } from '../../lib/testing/discovery-log.js';
import {
  type MemorySubsystem,
  type MemoryTarget,
  type Simulation,
  simulate,
} from '../../lib/testing/index.js';
import { runVerb } from './memory/command-line.js';

const well = 'nqn.2014-08.org.nvmexpress.discovery';
const nqnOf = (name: string) => `nqn.2026-11.dev.spdk-nvme:${name}`;
/** A port that nobody listens at. */
const deaf = '4999';

let simulation: Simulation;
let target: MemoryTarget;
let discovery: MemoryDiscovery;
let service: string[];
let disks: MemorySubsystem[];

beforeEach(() => {
  simulation = simulate();
  target = simulation.addTarget({ trsvcid: '8009' });
  disks = ['a', 'b', 'c'].map((name) => target.addSubsystem(nqnOf(name)));
  for (const [index, disk] of disks.entries()) {
    for (let nsid = 1; nsid <= index + 1; nsid++) disk.addNamespace(nsid, { blocks: 64 });
  }
  discovery = target.addDiscovery();
  discovery.entries = ['a', 'b', 'c'].map((name) => entry(name));
  service = ['-t', 'tcp', '-a', target.traddr];
});
afterEach(() => {
  expect(simulation.misuse).toEqual([]);
  simulation.restore();
  vi.restoreAllMocks();
  process.exitCode = 0;
});

const entry = (name: string, other: WrittenEntry = {}): WrittenEntry => ({
  ...{ traddr: target.traddr, trsvcid: target.trsvcid, subnqn: nqnOf(name) },
  ...other,
});

async function list(...words: string[]) {
  const { status, stdout, stderr } = await runVerb(['list', ...words, '-o', 'json']);
  const { Devices = [], Controllers = [], error } = JSON.parse(stdout.toString());
  const short = ({ SubsystemNQN, NameSpace }: { SubsystemNQN: string; NameSpace?: number }) =>
    `${SubsystemNQN.slice(nqnOf('').length)}${NameSpace ?? ''}`;
  return { status, stderr, found: Devices.map(short), controllers: Controllers.map(short), error };
}
const all = ['a1', 'b1', 'b2', 'c1', 'c2', 'c3'];

it.each([
  ['without --nqn', () => service],
  ['with the name of every discovery service', () => [...service, '-n', well]],
  ['with a transport id without subnqn', () => ['-r', `trtype:TCP traddr:${target.traddr} trsvcid:8009`]],
  [
    'with a transport id of a service',
    () => ['-r', `trtype:TCP traddr:${target.traddr} trsvcid:8009 subnqn:${well}`],
  ],
])('list %s lists all that is behind the log, and leaves nothing attached', async (_, words) => {
  const detached = vi.fn();
  const { init } = Environment;
  vi.spyOn(Environment, 'init').mockImplementation(async (options) => {
    const environment = await init.call(Environment, options);
    environment.on('detached', detached);
    return environment;
  });
  expect(await list(...words())).toEqual({
    ...{ status: 0, stderr: '', found: all, controllers: ['a', 'b', 'c'], error: undefined },
  });
  expect(detached).toHaveBeenCalledTimes(3);
});

it('list shows controllers without namespaces, too', async () => {
  disks[0]?.removeNamespace(1);
  const { found, controllers } = await list(...service);
  expect([found, controllers]).toEqual([all.slice(1), ['a', 'b', 'c']]);
  const { stdout } = await runVerb(['list', ...service]);
  expect(stdout.toString()).toMatch(/spdk-nvme:a +│ tcp +│ \S+ +│ none +│ .+ │ - +│ - +│/);
  const named = await list(...service, '-s', '8009', '-n', nqnOf('a'));
  expect(named).toMatchObject({ status: 0, found: [], controllers: ['a'] });
});

it('list goes on past an entry that cannot be attached, and says so', async () => {
  discovery.entries = [entry('a'), entry('b', { trsvcid: deaf }), entry('nobody'), entry('c')];
  const { status, stderr, found } = await list(...service);
  expect({ status, found }).toEqual({ status: 1, found: ['a1', 'c1', 'c2', 'c3'] });
  const line = (name: string, port: string) =>
    `spdk-nvme: ${nqnOf(name)} at traddr=\\S+,trsvcid=${port}: ERR_SPDK_`;
  expect(stderr).toMatch(new RegExp(`^${line('b', deaf)}.+\\n${line('nobody', '8009')}.+\\n$`));
});

it('list tries the next path of a subsystem, and lists it once', async () => {
  discovery.entries = [
    entry('b', { trsvcid: deaf }),
    entry('b'),
    entry('b', { traddr: '127.0.0.2' }),
    entry('b'),
  ];
  const other = simulation.addTarget({ traddr: '127.0.0.2', trsvcid: '8009' });
  other.addSubsystem(nqnOf('b')).addNamespace(7, { blocks: 64 });
  const { status, stderr, found } = await list(...service);
  expect({ status, found }).toEqual({ status: 1, found: ['b1', 'b2'] });
  expect(stderr.match(/\n/g)).toHaveLength(1);
});

it('list says what it cannot try, unless there is another path', async () => {
  discovery.entries = [
    ...[entry('a', { traddr: '0.0.0.0' }), entry('b', { treq: 1 }), entry('c', { trtype: 2 }), entry('c')],
    entry('other', { subtype: 3 }),
  ];
  const { status, stderr, found } = await list(...service);
  expect({ status, found }).toEqual({ status: 1, found: ['c1', 'c2', 'c3'] });
  expect(stderr).toMatch(
    /:a at \S+ the target does not name its address: .+\n.+:b at \S+ the target requires TLS: .+\n$/,
  );
});

it('list of an empty log is empty, and no failure', async () => {
  discovery.entries = [];
  expect(await list(...service)).toMatchObject({ status: 0, stderr: '', found: [], controllers: [] });
});

it('list has no more controllers attached at the same time than its memory allows', async () => {
  const names = Array.from({ length: 50 }, (_, index) => `many-${index}`);
  for (const name of names) target.addSubsystem(nqnOf(name)).addNamespace(1, { blocks: 64 });
  discovery.entries = names.map((name) => entry(name));
  let most = 0;
  const { attach } = Environment.prototype;
  vi.spyOn(Environment.prototype, 'attach').mockImplementation(async function (this: Environment, ...given) {
    const controller = await attach.apply(this, given);
    most = Math.max(most, this.controllers.length);
    return controller;
  });
  for (const verb of ['list', 'list-subsys']) {
    const { status, stdout, stderr } = await runVerb([verb, ...service, '-o', 'json']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const { Devices, Subsystems } = JSON.parse(stdout.toString());
    const listed = Devices?.map((one: { SubsystemNQN: string }) => one.SubsystemNQN);
    if (listed) expect(listed).toEqual(names.map(nqnOf));
    else expect(Subsystems).toHaveLength(names.length);
  }
  expect(most).toBeLessThanOrEqual(16);
});

it('list and list-subsys follow referrals as far as they are asked to', async () => {
  const far = simulation.addTarget({ traddr: '127.0.0.3', trsvcid: '8009' });
  far.addSubsystem(nqnOf('far')).addNamespace(1, { blocks: 64 });
  far.addDiscovery().entries = [entry('far', { traddr: '127.0.0.3' })];
  const referral = { subtype: 1, subnqn: well };
  discovery.entries = [
    entry('a'),
    entry('', { ...referral, traddr: '127.0.0.3' }),
    entry('', { ...referral, traddr: '127.0.0.4' }),
  ];
  expect(await list(...service)).toMatchObject({ status: 0, stderr: '', found: ['a1'] });
  const failure = /^spdk-nvme: referral 127\.0\.0\.4: ERR_SPDK_\w+: .+\n$/;
  const { status, stderr, found } = await list(...service, '--referrals', '1');
  expect({ status, stderr, found }).toEqual({
    ...{ status: 1, stderr: expect.stringMatching(failure), found: ['a1', 'far1'] },
  });
  const subsystems = await runVerb(['list-subsys', ...service, '--referrals', '1']);
  expect(subsystems).toMatchObject({ status: 1, stderr: expect.stringMatching(failure) });
  expect(subsystems.stdout.toString()).toContain(nqnOf('far'));
});

it('list says that the port is that of discovery when nobody listens there', async () => {
  target.rejection = { code: 'ERR_SPDK_UNREACHABLE', message: 'nothing responds' };
  const { status, stderr, error } = await list('-t', 'tcp', '-a', '127.0.0.9');
  expect({ status, stderr }).toEqual({
    status: 1,
    stderr: expect.stringMatching(/8009 is the default; try -s 4420/),
  });
  expect(error.exitStatus).toBe(1);
});

it('Ctrl-C ends list while it lists', async () => {
  vi.spyOn(Environment.prototype, 'attachAll').mockImplementation((_, options) => {
    process.emit('SIGINT');
    return new Promise((_resolve, reject) => {
      options?.signal?.addEventListener('abort', () => reject(options.signal?.reason));
      if (options?.signal?.aborted) reject(options.signal.reason);
    });
  });
  const { status, stdout, stderr } = await runVerb(['list', ...service]);
  expect({ status, stdout: stdout.toString(), stderr }).toEqual({ status: 130, stdout: '', stderr: '' });
});

it('what a log says does not steer the terminal', async () => {
  discovery.entries = [entry('a\u001b[2J')];
  const { stderr } = await list(...service);
  expect(stderr).toMatch(/^spdk-nvme: \S+a\?\[2J at /);
});

it('list-subsys with the name of every discovery service selects nothing else', async () => {
  const { status, stdout, stderr } = await runVerb(['list-subsys', ...service, '-n', well, '-o', 'json']);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(JSON.parse(stdout.toString()).Subsystems).toHaveLength(3);
});

it.each([
  [['--referrals', '1', '-n', nqnOf('a')], '--referrals is for a discovery log'],
  [['-n', well, '-n', nqnOf('a')], 'Name one discovery service'],
])('list %j is rejected', async (words, why) => {
  const { status, stderr } = await runVerb(['list', ...service, ...words]);
  expect([status, stderr]).toEqual([2, expect.stringContaining(why)]);
});
