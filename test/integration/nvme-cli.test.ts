// What the command line prints of a controller, beside what nvme-cli prints, which asks the same one through the kernel's initiator.

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeIdCtrl } from '../../cli/nvme/id-ctrl.js';
import { decodeIdNs, decodeNsDescs, decodeNsList } from '../../cli/nvme/id-ns.js';
import { decodeErrorLog, decodeSmartLog, errorEntryBytes, smartBytes } from '../../cli/nvme/logs.js';
import { type Admin, type Controller, Environment } from '../../lib/index.js';
import { link, ports, subsystems } from '../../scripts/fabric/topology.js';
import { type SpdkTarget, startSpdkTarget } from '../../scripts/target/spdk-target.js';
import { memoryMb } from './suites/target.js';
import { run } from './support/run.js';
import { childFile } from './support/task.js';

const main = path.resolve(import.meta.dirname, '../../dist/cli/main.js');
const hostId = '5a5b1f0e-7c2d-4e8f-9a6b-0c1d2e3f4a5b';
const hostNqn = `nqn.2014-08.org.nvmexpress:uuid:${hostId}`;
const [address] = link.addresses[0].split('/') as [string];
const listener = { trtype: 'TCP', traddr: address, trsvcid: '4475' } as const;
const own = { ...listener, trtype: 'tcp', nqn: 'nqn.2026-11.dev.spdk-nvme:cli' };
const everyNamespace = 0xffff_ffff;

let spdk: SpdkTarget;
beforeAll(async () => {
  spdk = await startSpdkTarget({
    listener,
    core: os.availableParallelism() - 1,
    memoryMb,
    sharedBuffers: 511,
    subsystems: [{ nqn: own.nqn, serial: 'CLI', disk: { kind: 'malloc', sizeMb: 16, blockSize: 512 } }],
  });
  for (const module of ['nvme-tcp', 'nvme-rdma']) await run('modprobe', [module]);
});
afterAll(() => spdk?.stop());

type Json = Record<string, unknown>;

async function json(program: string, ...words: string[]): Promise<Json> {
  return JSON.parse(await run(program, [...words, '-o', 'json']));
}

/** What the command line prints, without the version of its form. */
function withoutSchema({ schema, ...fields }: Json): Json {
  expect(schema).toBe(1);
  return fields;
}

/** What a process of the command line prints. */
const alone = async (...words: string[]) => withoutSchema(await json(process.execPath, main, ...words));

/** A process that runs one verb after the other; it ends before this one reserves hugepages, of which the guest has few. */
let verbsProcess: ChildProcessByStdio<Writable, Readable, null>;
const startVerbs = () => {
  verbsProcess = spawn(process.execPath, [childFile('verbs.mjs').pathname], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
};
const endVerbs = async () => {
  if (verbsProcess.exitCode !== null) return;
  verbsProcess.kill('SIGKILL');
  await once(verbsProcess, 'exit');
};

/** What a verb prints in the process that runs them. */
async function ours(...words: string[]): Promise<Json> {
  const lines = createInterface({ input: verbsProcess.stdout });
  const ended = once(lines, 'line');
  verbsProcess.stdin.write(`${JSON.stringify([...words, '-o', 'json'])}\n`);
  const { status, printed } = JSON.parse((await ended)[0]);
  lines.close();
  expect({ status, printed }).toMatchObject({ status: 0 });
  return withoutSchema(JSON.parse(printed));
}

/** As JSON has it. Numbers of more than 53 bits are text there, and numbers of 128 bits always are in older nvme-cli. */
function plain(value: unknown): unknown {
  const text = JSON.stringify(value, (_, part) =>
    typeof part === 'bigint' || typeof part === 'number' ? String(part) : part,
  );
  return JSON.parse(text);
}

/** Values that differ from one controller, or one moment, to the next. */
const volatile = ['cntlid', 'host_read_commands', 'host_write_commands', 'data_units_read', 'power_on_hours'];
const steady = (fields: object) =>
  plain(Object.fromEntries(Object.entries(fields).filter(([name]) => !volatile.includes(name))));

interface Verb {
  readonly words: readonly string[];
  readonly read: (admin: Admin) => Promise<object>;
}
const verbs: Readonly<Record<string, Verb>> = {
  'id-ctrl': { words: [], read: async (admin) => decodeIdCtrl(await admin.identify(0x01, 0)) },
  'id-ns': { words: ['-n', '1'], read: async (admin) => decodeIdNs(await admin.identify(0x00, 1)) },
  'ns-descs': {
    words: ['-n', '1'],
    read: async (admin) => ({ 'ns-descs': decodeNsDescs(await admin.identify(0x03, 1)) }),
  },
  'list-ns': {
    words: [],
    read: async (admin) => ({
      nsid_list: decodeNsList(await admin.identify(0x02, 0)).map((nsid) => ({ nsid })),
    }),
  },
  'smart-log': {
    words: [],
    read: async (admin) => decodeSmartLog(await admin.logPage(0x02, smartBytes, everyNamespace)),
  },
  'error-log': {
    words: ['-e', '4'],
    read: async (admin) => ({
      errors: decodeErrorLog(await admin.logPage(0x01, 4 * errorEntryBytes, everyNamespace)),
    }),
  },
};

const targets = [
  ['the kernel’s target over RDMA', { ...ports.rdma, nqn: subsystems.disk0.nqn }],
  ['nvmf_tgt over TCP', own],
] as const;

/** Connects the kernel's initiator for the tests of a block. */
function connected({ trtype, traddr, trsvcid, nqn }: (typeof targets)[number][1]) {
  const service = ['-t', trtype, '-a', traddr, '-s', trsvcid, '--hostnqn', hostNqn, '--hostid', hostId];
  const target = [...service, '-n', nqn];
  const kernel = { device: '', service, target };
  beforeAll(async () => {
    kernel.device = `/dev/${(await json('nvme', 'connect', ...target)).device}`;
  });
  afterAll(async () => {
    await run('nvme', ['disconnect', '-n', nqn]);
  });
  return kernel;
}

// Before this process reserves hugepages, which it keeps: the guest has few.
describe.each(targets)('the verbs for %s', (_, place) => {
  beforeAll(startVerbs);
  afterAll(endVerbs);
  const { trtype, traddr, trsvcid, nqn } = place;
  const kernel = connected(place);
  const { service, target } = kernel;

  it('list has the fields and values of nvme-cli', async () => {
    const { Devices: ofAll } = (await json('nvme', 'list')) as { Devices: Json[] };
    const { Devices } = (await alone('list', ...target)) as { Devices: Json[] };
    // nvme-cli lists namespaces in the order in which the kernel found them.
    const theirs = ofAll
      .filter(({ SerialNumber }) => SerialNumber === Devices[0]?.SerialNumber)
      .sort((one, other) => Number(one.NameSpace) - Number(other.NameSpace));
    const [one = {}] = theirs;
    // It lists devices of this machine, and knows neither their subsystem nor their address.
    const both = (device: Json) => Object.fromEntries(Object.entries(device).filter(([name]) => name in one));
    expect(Devices.map(both)).toEqual(
      theirs.map(({ DevicePath, GenericPath, UsedBytes, MaximumLBA, ...shared }) => shared),
    );
  });

  it('the doctor finds all that it needs', async () => {
    const { findings } = (await ours('doctor', ...target)) as {
      findings: { check: string; level: string }[];
    };
    const levels = new Map(findings.map(({ check, level }) => [check, level]));
    const checks = ['route', 'discovery', 'attach', 'read of namespace 1', 'detach'];
    const rdma = ['/dev/infiniband', `RDMA device ${link.rdmaDevice}`];
    for (const check of [...checks, ...(trtype === 'rdma' ? rdma : ['port'])])
      expect(levels.get(check), `${check} in ${JSON.stringify(findings)}`).toBe('ok');
  });

  it('discover prints the records of nvme-cli', async () => {
    const found = await ours('discover', ...service);
    const theirs = await json('nvme', 'discover', ...service);
    // This package's own addition: the services that the log refers to.
    expect(found).toEqual({ ...theirs, genctr: found.genctr, referrals: [], failures: [] });
  });

  it('get-feature and get-log print the data of nvme-cli', async () => {
    const { device } = kernel;
    const { value } = await ours('get-feature', ...target, '-f', '0x06');
    // nvme-cli has no JSON for features in every release.
    const text = await run('nvme', ['get-feature', device, '-f', '0x06']);
    expect(text).toMatch(new RegExp(`value: ?0x0*${Number(value).toString(16)}\\b`, 'i'));
    const { feature, data: id } = await ours('get-feature', ...target, '-f', '0x81');
    expect({ feature, id }).toEqual({ feature: 0x81, id: hostId.replaceAll('-', '') });
    const { data } = await ours('get-log', ...target, '-i', '3', '-l', '512');
    const log = await run('nvme', ['get-log', device, '-i', '3', '-l', '512', '-b']);
    expect(Buffer.from(String(data), 'hex').toString()).toBe(log);
  });

  it('list-subsys prints the paths of nvme-cli', async () => {
    const all = (await json('nvme', 'list-subsys')) as unknown;
    const hosts = (Array.isArray(all) ? all : [all]) as { Subsystems: Json[] }[];
    const theirs = hosts.flatMap(({ Subsystems }) => Subsystems).find(({ NQN }) => NQN === nqn) as Json;
    const { HostNQN, Subsystems } = await ours('list-subsys', ...target);
    expect(HostNQN).toBe(hostNqn);
    const [one] = Subsystems as Json[];
    expect(Object.keys(theirs)).toEqual(expect.arrayContaining(Object.keys(one as Json)));
    expect(one?.NQN).toBe(theirs.NQN);
    const here = { Transport: trtype, Address: `traddr=${traddr},trsvcid=${trsvcid}`, State: 'live' };
    const paths = (list: unknown) =>
      (list as Json[]).map(({ Transport, Address, State }) => ({ Transport, Address, State }));
    expect(paths(one?.Paths)).toContainEqual(here);
    // Later kernels add the address that the connection comes from.
    const [kernel] = paths(theirs.Paths);
    expect({ ...kernel, Address: String(kernel?.Address).replace(/,src_addr=.*/, '') }).toEqual(here);
  });
});

describe('decoded data', () => {
  let env: Environment;
  beforeAll(async () => {
    env = await Environment.init({ memoryMb: 64 });
  });
  afterAll(() => env?.close());

  describe.each(targets)('of %s', (_, place) => {
    const { trtype, traddr, trsvcid, nqn } = place;
    const kernel = connected(place);
    let controller: Controller;
    beforeAll(async () => {
      const id = `trtype:${trtype.toUpperCase()} adrfam:IPv4 traddr:${traddr} trsvcid:${trsvcid} subnqn:${nqn}`;
      controller = await env.attach(id, { hostNqn, hostId, timeoutMs: 15_000 });
    });
    afterAll(() => controller?.detach());

    it.each(Object.entries(verbs))(
      '%s has the fields and values of nvme-cli',
      async (verb, { words, read }) => {
        const theirs = await json('nvme', verb, kernel.device, ...words);
        const found = await read(controller.admin);
        expect(Object.keys(found).sort()).toEqual(Object.keys(theirs).sort());
        expect(steady(found)).toEqual(steady(theirs));
      },
    );

    it('get-feature and get-log read what nvme-cli reads', async () => {
      const text = await run('nvme', ['get-feature', kernel.device, '-f', '7']);
      const value = await controller.admin.getFeature(7, 0);
      expect(text).toMatch(new RegExp(`value: ?0x0*${value.toString(16)}\\b`, 'i'));
      const log = await run('nvme', ['get-log', kernel.device, '-i', '3', '-l', '512', '-b']);
      expect((await controller.admin.logPage(3, 512, everyNamespace)).toString()).toBe(log);
    });
  });
});
