// Verbs against a disk in memory: what they send, print and end with. Longer than other files: short cases for each verb.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Admin } from '../../lib/admin.js';
import {
  type DiscoveryLog,
  Environment,
  errorCatalogue,
  SpdkError,
  type Zone,
  Zones,
} from '../../lib/index.js';
import {
  type MemoryNamespace,
  type MemorySubsystem,
  type MemoryTarget,
  type Simulation,
  simulate,
} from '../../lib/testing/index.js';
import { replacing } from '../support/options.js';
import { runVerb } from './memory/command-line.js';

const nqn = 'nqn.2026-11.dev.spdk-nvme:disk';
const words = ['-t', 'tcp', '-a', '127.0.0.1', '-s', '4420', '-n', nqn];
let simulation: Simulation;
let target: MemoryTarget;
let subsystem: MemorySubsystem;
let disk: MemoryNamespace;
let zoned: MemoryNamespace;

beforeEach(() => {
  simulation = simulate();
  target = simulation.addTarget();
  subsystem = target.addSubsystem(nqn);
  disk = subsystem.addNamespace(1, { blocks: 64 });
  zoned = subsystem.addNamespace(2, { blocks: 64, zones: { zoneBlocks: 16, capacityBlocks: 12 } });
});
afterEach(() => {
  vi.restoreAllMocks();
  simulation.restore();
  process.exitCode = 0;
});

async function verb(...given: string[]): Promise<{ status: number; out: string; err: string }> {
  const verbWords = given[0] === 'zns' ? 2 : 1;
  const line = [...given.slice(0, verbWords), ...words, ...given.slice(verbWords)];
  const { status, stdout, stderr } = await runVerb(line);
  return { status, out: stdout.toString(), err: stderr };
}

const blockOf = (text: string) => Buffer.alloc(512, text);
const stored = (block: number) => Buffer.from(disk.data.subarray(block * 512, (block + 1) * 512)).toString();

it('a verb that fails with -o json says why on stdout, too, unless a result stands there', async () => {
  const hang = new SpdkError('ERR_SPDK_TIMEOUT', 'It hangs');
  const identify = vi.spyOn(Admin.prototype, 'identify').mockRejectedValue(hang);
  const failed = await verb('id-ns', '-N', '1', '-o', 'json');
  expect(failed).toMatchObject({ status: 1, err: `spdk-nvme: ERR_SPDK_TIMEOUT: ${hang.message}\n` });
  expect(JSON.parse(failed.out)).toEqual({
    schema: 1,
    error: { code: 'ERR_SPDK_TIMEOUT', message: hang.message, exitStatus: 1 },
  });
  expect((await verb('id-ns', '-N', '1')).out).toBe('');
  identify.mockRestore();
  expect(await verb('id-ns', '-N', '1', '-o', 'json', '-b')).toMatchObject({ status: 2, out: '' });

  vi.spyOn(Environment.prototype, 'close').mockRejectedValue(hang);
  const late = await verb('id-ns', '-N', '1', '-o', 'json');
  expect(late.status).toBe(1);
  expect(JSON.parse(late.out)).toHaveProperty('nsze');
});

it('discover gives the generation of each log, and the referrals that failed', async () => {
  const at = (trsvcid: string) => ({ trtype: 'TCP', adrfam: 'IPv4', traddr: '127.0.0.1', trsvcid }) as const;
  const empty = { entries: [], referrals: [], failures: [] };
  const error = new SpdkError('ERR_SPDK_UNREACHABLE', 'check `traddr`');
  const log: DiscoveryLog = {
    ...empty,
    transportId: at('8009'),
    generation: 2n ** 60n,
    referrals: [{ ...empty, transportId: at('8010'), generation: 3n }],
    failures: [{ transportId: at('8011'), error }],
  };
  vi.spyOn(Environment.prototype, 'discover').mockResolvedValue(log);
  const { status, stdout, stderr } = await runVerb([
    ...['discover', '-t', 'tcp', '-a', '127.0.0.1', '--referrals', '1', '-o', 'json'],
  ]);
  expect(status).toBe(1);
  const text = stdout.toString();
  expect(text).toContain('"genctr": 1152921504606846976,');
  const service = { trtype: 'tcp', traddr: '127.0.0.1' };
  expect(JSON.parse(text)).toMatchObject({
    schema: 1,
    referrals: [{ ...service, trsvcid: '8010', genctr: 3 }],
    failures: [{ ...service, trsvcid: '8011', code: 'ERR_SPDK_UNREACHABLE', text: 'check --traddr' }],
  });
  expect(stderr).toContain('referral 127.0.0.1');
});

it('discover --watch says that it connects again when the connection is lost', async () => {
  const { traddr, trsvcid } = target;
  target.addDiscovery();
  const watch = vi.spyOn(Environment.prototype, 'watchDiscovery');
  const running = runVerb(['discover', '-t', 'tcp', '-a', traddr, '-s', trsvcid, '--watch'], () =>
    process.emit('SIGINT'),
  );
  await vi.waitFor(() => expect(watch).toHaveResolved());
  target.dropLinks();
  const { status, stderr } = await running;
  expect(status, stderr).toBe(130);
  expect(stderr).toMatch(/^spdk-nvme: ERR_SPDK_CONTROLLER_FAILED: [^\n]* The connection is made again\.\n/);
  expect(stderr).not.toContain('reset()');
});

it('discover names the flags of an entry as nvme-cli does', async () => {
  const entry = (flags: number) => ({
    transport: 'tcp',
    subtype: 'current',
    security: 'none',
    rdma: null,
    flags,
  });
  const log = { generation: 1n, entries: [0, 2, 3, 7].map(entry), referrals: [], failures: [] };
  vi.spyOn(Environment.prototype, 'discover').mockResolvedValue(log as unknown as DiscoveryLog);
  const { stdout } = await runVerb(['discover', '-t', 'tcp', '-a', '127.0.0.1', '-o', 'json']);
  const { records } = JSON.parse(stdout.toString());
  expect(records.map(({ eflags }: { eflags: string }) => eflags)).toEqual([
    'none',
    'explicit discovery connections',
    'explicit discovery connections, duplicate discovery information',
    'explicit discovery connections, duplicate discovery information, no cdc connectivity',
  ]);
});

it('messages of the package name the options of the command line', async () => {
  const { stderr } = await runVerb(['list', ...replacing(words, ['-s', '4421'])]);
  expect(stderr).toContain('Check --traddr and --trsvcid');
  const noSource = new SpdkError('ERR_SPDK_UNREACHABLE', 'sourceAddress 192.0.2.9 is not usable');
  const attach = vi.spyOn(Environment.prototype, 'attach').mockRejectedValue(noSource);
  expect((await verb('id-ctrl')).err).toContain('ERR_SPDK_UNREACHABLE: --host-traddr 192.0.2.9 is');
  const { error } = JSON.parse((await verb('id-ctrl', '-o', 'json')).out);
  expect(error.message).toMatch(/^--host-traddr 192/);
  attach.mockRestore();
  const { remedy } = errorCatalogue.ERR_SPDK_CONTROLLER_FAILED;
  const lost = new SpdkError('ERR_SPDK_CONTROLLER_FAILED', `It is gone. ${remedy}`);
  vi.spyOn(Admin.prototype, 'identify').mockRejectedValueOnce(lost);
  expect((await verb('id-ctrl')).err).toContain(
    'It is gone. Fix the link or the target, then run the verb again.',
  );
  const late = new SpdkError('ERR_SPDK_TIMEOUT', 'too late; allow more with timeoutMs');
  const read = vi.spyOn(Admin.prototype, 'identify').mockRejectedValue(late);
  expect((await verb('id-ctrl')).err).toContain('allow more with --timeout');
  read.mockRestore();
  const noMemory = new SpdkError('ERR_SPDK_NO_HUGEPAGES', 'memoryMb is 4096, but 8 MiB are free');
  vi.spyOn(Environment, 'init').mockRejectedValue(noMemory);
  expect((await verb('list')).err).toMatch(/^spdk-nvme: ERR_SPDK_NO_HUGEPAGES: --memory is 4096/);
});

it('what a device is called does not steer the terminal', async () => {
  const data = Buffer.alloc(4096);
  data.write('A\x1b[2J\x9b31mB\x1b]0;title\x07C\r[mX', 24, 'latin1');
  vi.spyOn(Admin.prototype, 'identify').mockResolvedValue(data);
  const { status, out } = await verb('id-ctrl');
  expect(status).toBe(0);
  expect(out).toContain('mn        : A?[2J?31mB?]0;title?C?[mX');
  const json = (await verb('id-ctrl', '-o', 'json')).out;
  expect(json).toContain('\\u009b31mB');
  expect(json.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
  const { mn } = JSON.parse(json);
  expect(mn).toContain('A\x1b[2J\x9b31mB');
});

it('list-ns begins with the id that is named, as nvme-cli does', async () => {
  // Identify lists the ids above the one that it gets.
  const identify = vi.spyOn(Admin.prototype, 'identify').mockResolvedValue(Buffer.alloc(4096));
  expect((await verb('list-ns')).out).toBe('');
  await verb('list-ns', '-N', '5');
  expect(identify.mock.calls.map(([cns, nsid]) => [cns, nsid])).toEqual([
    [2, 0],
    [2, 4],
  ]);
});

it('error-log asks for no more entries than the controller has', async () => {
  const identify = Buffer.alloc(4096);
  identify[262] = 2;
  vi.spyOn(Admin.prototype, 'identify').mockResolvedValue(identify);
  const logPage = vi
    .spyOn(Admin.prototype, 'logPage')
    .mockImplementation(async (_page, bytes) => Buffer.alloc(bytes));
  expect(JSON.parse((await verb('error-log', '-o', 'json')).out).errors).toHaveLength(3);
  expect(JSON.parse((await verb('error-log', '-e', '2', '-o', 'json')).out).errors).toHaveLength(2);
  expect(logPage).toHaveBeenCalledTimes(2);
});

it('list brackets the address of a target with IPv6', async () => {
  const { attach } = Environment.prototype;
  vi.spyOn(Environment.prototype, 'attach').mockImplementation(function (this: Environment, _, options) {
    return attach.call(this, subsystem.id, options);
  });
  const six = ['-t', 'tcp', '-a', 'fd77::1', '-n', nqn];
  const { stdout } = await runVerb(['list', ...six, '-o', 'json']);
  expect(JSON.parse(stdout.toString()).Devices).toMatchObject([
    { Address: '[fd77::1]:4420' },
    { Address: '[fd77::1]:4420' },
  ]);
});

it.each(['format', 'delete-ns', 'attach-ns', 'detach-ns'])(
  '%s rejects a namespace 0 at once',
  async (name) => {
    const { status, err } = await verb(name, '-N', '0', '--force');
    expect([status, err]).toEqual([2, expect.stringContaining('--namespace-id')]);
  },
);

it('copy copies ranges', async () => {
  for (const [i, text] of ['a', 'b', 'c'].entries()) disk.data.set(blockOf(text), i * 512);
  const copied = await verb(
    'copy',
    '-N',
    '1',
    '--sdlba',
    '10',
    '--slbs',
    '1,0',
    '--blocks',
    '1,0',
    '-f',
    '-l',
  );
  expect(copied).toEqual({ status: 0, out: 'NVMe Copy: success\n', err: '' });
  expect([10, 11, 12].map(stored)).toEqual(['b', 'c', 'a'].map((text) => blockOf(text).toString()));
});

it.each([
  [['reset-zone', '--start-lba', '64'], '--start-lba 64 is past the last block'],
  [['report-zones', '--start-lba', '64'], '--start-lba 64 is past the last block'],
  [['zone-append', '--zslba', '64', '-d', 'package.json'], '--zslba 64 is past the last block'],
])('zns %j is rejected', async (given, why) => {
  const { status, err } = await verb('zns', ...given, '-N', '2');
  expect([status, err]).toEqual([2, expect.stringContaining(why)]);
});

it('zns verbs show and change zones', async () => {
  const file = join(mkdtempSync(join(tmpdir(), 'zones-')), 'data');
  writeFileSync(file, blockOf('z'));
  const zns = async (...given: string[]) => {
    const { status, out, err } = await verb('zns', ...given, '-N', '2');
    expect([status, err]).toEqual([0, '']);
    return out;
  };
  expect(await zns('zone-append', '--zslba', '16', '--data', file)).toBe('Success appended data to LBA 10\n');
  expect(Buffer.from(zoned.data.subarray(16 * 512, 17 * 512)).equals(blockOf('z'))).toBe(true);
  await zns('close-zone', '--start-lba', '16');
  await zns('open-zone', '--start-lba', '32');
  await zns('zone-mgmt-send', '--zsa', '2', '--start-lba', '0');
  const { nr_zones, zone_list } = JSON.parse(await zns('report-zones', '-o', 'json'));
  expect(nr_zones).toBe(4);
  const common = { cap: 12, type: 'SEQWRITE_REQ' };
  expect(zone_list.slice(1)).toEqual([
    { ...common, slba: 16, wp: 17, state: 'CLOSED' },
    { ...common, slba: 32, wp: 32, state: 'EXP_OPENED' },
    { ...common, slba: 48, wp: 48, state: 'EMPTY' },
  ]);
  expect(await zns('report-zones', '--state', '4')).toBe(
    'nr_zones: 1\nSLBA: 0x10 WP: 0x11 Cap: 0xc State: CLOSED\n',
  );
  expect(await zns('reset-zone', '--select-all')).toBe('zns-reset-zone: Success\n');
  expect(JSON.parse(await zns('report-zones', '--state', '1', '-o', 'json')).nr_zones).toBe(4);
  expect(JSON.parse(await zns('id-ns', '-o', 'json'))).toMatchObject({ zsze: 16, zones: 4, mor: 0, mar: 0 });
  rmSync(dirname(file), { recursive: true });
});

it('zns report-zones says where it does not know the type of a zone', async () => {
  const zone = { offset: 0, capacity: 512, writePointer: 0, state: 'empty', type: 'unknown' } as Zone;
  vi.spyOn(Zones.prototype, 'report').mockResolvedValue([zone]);
  const { out } = await verb('zns', 'report-zones', '-N', '2', '-o', 'json');
  expect(JSON.parse(out).zone_list).toMatchObject([{ slba: 0, type: 'Unknown' }]);
});

it.each([
  [['id-ns'], 'ERR_SPDK_UNSUPPORTED: Namespace 1 has no zones'],
  [['report-zones'], 'ERR_SPDK_UNSUPPORTED: Namespace 1 has no zones'],
  [['reset-zone', '--start-lba', '0'], 'ERR_SPDK_UNSUPPORTED'],
])('zns %j ends with the reason on a namespace without zones', async (given, why) => {
  const { status, err } = await verb('zns', ...given, '-N', '1');
  expect([status, err]).toEqual([1, expect.stringContaining(why)]);
});

it('what only the controller knows to be invalid is rejected like any other arguments', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'spdk-nvme-verbs-'));
  const file = join(folder, 'data');
  writeFileSync(file, Buffer.alloc(2 ** 20));
  for (const given of [
    ['io-passthru', '-N', '1', '-O', '1', '-W', '-i', file],
    ['admin-passthru', '-O', '6', '-R', '-l', '1M'],
    ['zns', 'zone-append', '-N', '2', '--zslba', '0', '-d', file],
  ]) {
    const { status, out, err } = await verb(...given, ...(given[0] === 'zns' ? [] : ['-o', 'json']));
    expect({ status, out, err }).toEqual({
      status: 2,
      out: '',
      err: expect.stringMatching(/^spdk-nvme: [^\n]+ bytes[^\n]+ For example: [^\n]+\n$/),
    });
  }
  rmSync(folder, { recursive: true });
});

it('list-subsys keeps the other paths when one controller does not respond any more', async () => {
  const { traddr, trsvcid } = target;
  const other = target.addSubsystem('nqn.2026-11.dev.spdk-nvme:other').nqn;
  target.addDiscovery().entries = [other, nqn].map((subnqn) => ({ subnqn, traddr, trsvcid }));
  vi.spyOn(Admin.prototype, 'identify').mockRejectedValueOnce(new SpdkError('ERR_SPDK_TIMEOUT', 'too late'));
  const {
    status,
    stdout,
    stderr: err,
  } = await runVerb(['list-subsys', '-t', 'tcp', '-a', traddr, '-s', trsvcid]);
  expect({ status, err }).toEqual({
    status: 1,
    err: expect.stringMatching(/^spdk-nvme: nqn\S+ at traddr=\S+: ERR_SPDK_TIMEOUT: too late\n$/),
  });
  expect(stdout.toString().match(/ \+- tcp traddr=\S+ live/g)).toHaveLength(2);
});

it('list-subsys shows the state of each path in the colour of its meaning', async () => {
  const { traddr, trsvcid } = target;
  const nowhere = 'nqn.2026-11.dev.spdk-nvme:nowhere';
  target.addDiscovery().entries = [nqn, nowhere].map((subnqn) => ({ subnqn, traddr, trsvcid }));
  vi.stubEnv('FORCE_COLOR', '1');
  const { status, stdout } = await runVerb(['list-subsys', '-t', 'tcp', '-a', traddr, '-s', trsvcid]);
  vi.unstubAllEnvs();
  expect(status).toBe(1);
  const states = [...stdout.toString().matchAll(/trsvcid=\d+ (\S+)/g)].map(([, state]) => state);
  expect(states).toEqual(['\u001b[32mlive\u001b[39m', expect.stringContaining('\u001b[31mERR_SPDK_')]);
});
