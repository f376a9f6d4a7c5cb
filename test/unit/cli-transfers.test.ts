// The verbs of the command line with a target in memory: what reaches the device, and what is rejected before anything does. Longer than
// other files: a list of short cases for each verb.
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { open as openFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Admin } from '../../lib/admin.js';
import { Management, Namespace } from '../../lib/index.js';
import {
  type MemoryNamespace,
  type MemorySubsystem,
  type Simulation,
  simulate,
} from '../../lib/testing/index.js';
import { rejectionLine } from '../../scripts/fuzz/command-lines.js';
import { runVerb } from './memory/command-line.js';

const MiB = 2 ** 20;
const folder = mkdtempSync(path.join(os.tmpdir(), 'spdk-nvme-verbs-'));
const nqn = 'nqn.2026-11.dev.spdk-nvme:verbs';
afterAll(() => rmSync(folder, { recursive: true }));

let simulation: Simulation;
let subsystem: MemorySubsystem;
let disk: MemoryNamespace;
let target: string[];
beforeEach(() => {
  simulation = simulate();
  subsystem = simulation.addTarget().addSubsystem(nqn);
  disk = subsystem.addNamespace(1, { blocks: (4 * MiB) / 512 });
  disk.data.fill(7);
  target = ['-r', subsystem.id];
});
afterEach(() => {
  expect(simulation.misuse).toEqual([]);
  simulation.restore();
});

/** Runs a verb with the target of the test. */
const cli = (verb: string, ...words: string[]) => runVerb([verb, ...target, ...words]);

function file(name: string, content: Uint8Array): string {
  writeFileSync(path.join(folder, name), content);
  return path.join(folder, name);
}

/** Expects that a verb is rejected with status 2, and has changed nothing. */
async function expectRejected(words: string[], why: string): Promise<void> {
  const before = Buffer.from(disk.data);
  const [verb = '', ...rest] = words;
  const { status, stderr } = await cli(verb, ...rest);
  expect({ status, stderr }).toEqual({ status: 2, stderr: expect.stringContaining(why) });
  expect(stderr).toMatch(rejectionLine);
  expect(before.equals(disk.data)).toBe(true);
}

/** Whether this user may mount a file over another one. */
function canMount(): boolean {
  const [one, other] = [file('one', Buffer.alloc(0)), file('other', Buffer.alloc(0))];
  try {
    execFileSync('mount', ['--bind', one, other], { stdio: 'ignore' });
    execFileSync('umount', [other]);
    return true;
  } catch {
    return false;
  }
}

describe('a command that is given in full', () => {
  it.each([
    [['io-passthru', '-O', '1', '-R', '-l', '512'], '--read contradicts --opcode 0x01, which sends data'],
    [['admin-passthru', '-O', '9', '-R', '-l', '512'], '--read contradicts --opcode 0x09'],
    [['io-passthru', '-O', '2', '-W', '-i', '/dev/zero', '-l', '512'], 'which receives data: use --read'],
    [['io-passthru', '-O', '0', '-R', '-l', '512'], 'which transfers no data'],
    [['io-passthru', '-O', '0x83', '-R', '-l', '512'], 'in both directions'],
    [['io-passthru', '-O', '2', '-R'], '--read needs --data-len'],
    [['admin-passthru', '-O', '1', '-W', '-i', '/nonexistent'], '--input-file cannot be read: ENOENT'],
    [['admin-passthru', '-O', '1', '-W', '-i', '/dev/zero'], '--data-len is required'],
    [['admin-passthru', '-O', '6', '-R', '-l', '4k', '-b', '-o', 'json'], '--raw-binary'],
    [['id-ctrl', '-b', '-o', 'json'], '--raw-binary'],
    [['smart-log', '-b', '-o', 'json'], '--raw-binary'],
    [['sanitize-log', '-b', '-o', 'json'], '--raw-binary'],
  ])('%j is rejected', (words, why) => expectRejected(words, why));

  it('takes units, nvme-cli’s short names and all namespaces', async () => {
    const words = ['-O', '0x02', '-R', '-l', '4k', '-b', '-N', '0xffffffff', '-4', '0x03ff0002'];
    const { status, stdout, stderr } = await cli('admin-passthru', ...words);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toHaveLength(4096);
  });
});

describe('format', () => {
  beforeEach(() => void Object.assign(subsystem.management, { oacs: 0b1110 }));

  it('keeps the format of the blocks unless it is told another', async () => {
    subsystem.addNamespace(2, { blocks: 8, blockSize: 4096 });
    expect(await cli('format', '-N', '2', '--force')).toMatchObject({ status: 0, stderr: '' });
    expect(subsystem.namespaces.get(2)?.blockSize).toBe(4096);
    expect(await cli('format', '-N', '2', '-l', '0', '--force')).toMatchObject({ status: 0 });
    expect(subsystem.namespaces.get(2)?.blockSize).toBe(512);
    await expectRejected(['format', '-N', '0xffffffff', '--force'], '--lbaf is missing');
  });

  it('has the time of the package unless --timeout says how long', async () => {
    const format = vi.spyOn(Management.prototype, 'format');
    await cli('format', '-N', '1', '--force');
    await cli('format', '-N', '1', '--force', '--timeout', '700');
    expect(format.mock.calls.map(([, options]) => options?.timeoutMs)).toEqual([undefined, 700]);
  });

  it('fw-download counts its offset in dwords, as nvme-cli does', async () => {
    const image = file('firmware', Buffer.alloc(8, 5));
    expect(await cli('fw-download', '--fw', image, '--offset', '2', '--force')).toMatchObject({ status: 0 });
    expect(await cli('fw-commit', '--slot', '1', '--force')).toMatchObject({ status: 0 });
    expect([...subsystem.management.firmware]).toEqual([...Buffer.alloc(8), ...Buffer.alloc(8, 5)]);
    await expectRejected(['fw-download', '--fw', '/nonexistent', '--force'], '--fw cannot be read: ENOENT');
    // Before it connects: nothing is at that address.
    target = ['-t', 'tcp', '-a', '127.0.0.9', '-n', nqn];
    await expectRejected(['fw-download', '--fw', '/nonexistent', '--force'], '--fw cannot be read: ENOENT');
    await expectRejected(['fw-download', '--fw', file('odd', Buffer.alloc(6)), '--force'], 'multiple of 4');
  });
});

describe('a range', () => {
  it.each([
    [['write', '-d', '/nonexistent'], '--data cannot be read: ENOENT'],
    [['write', '-d', folder], 'is a folder'],
    [['compare', '-d', '/nonexistent'], '--data cannot be read: ENOENT'],
    [['write', '-d', 'FILE', '--length', '1000'], '--length 1000 is not a multiple'],
    [['compare', '-d', 'FILE', '--offset', '2M', '-z', '3M'], 'reach past the end'],
    [['write', '-d', 'LONG'], 'LONG (4194816 bytes) reach past the end'],
    [['write', '-d', 'FILE', '--offset', '4194304'], '--offset 4194304 is past the end'],
    [['write', '-d', 'ODD'], 'ODD (2097153 bytes) is not a multiple'],
    [['write', '-d', 'EMPTY'], 'EMPTY is empty'],
    [['write', '-d', 'FILE', '--offset', '0', '--start-block', '0'], '--offset or --start-block'],
    [
      ['write', '-d', 'FILE', '-z', '512', '-c', '1'],
      '--length 512 contradicts --block-count 1, which is 1024',
    ],
    [['write-zeroes'], '--length is missing'],
    [['dsm', '-z', '512'], '--ad is missing'],
    [['dsm', '--ad'], '--length is missing'],
    // In nvme-cli that is --cdw11.
    [['dsm', '--ad', '-c', '0'], "unknown option '-c'"],
    [['dsm', '--ad', '--slbs', '0,8', '--blocks', '8'], 'the same number'],
    [['dsm', '--ad', '--slbs', '0,8191', '--blocks', '8,2'], '--slbs 8191 and --blocks 2 reach past the end'],
    [['read', '--start-block', '8192', '-d', '/dev/null'], '--start-block 8192 is past the end'],
    [
      ['write-zeroes', '--start-block', '8191', '-c', '1'],
      '--start-block 8191 and --block-count 1 reach past',
    ],
    [['copy', '--sdlba', '0', '--slbs', '0,8192', '--blocks', '0,0'], '--slbs 8192 is past the end'],
    [
      ['copy', '--sdlba', '8191', '--slbs', '0,8', '--blocks', '0,0'],
      '--sdlba 8191 and --blocks 0,0 reach past',
    ],
    [['read', '-d', '/nonexistent/file'], 'Create the folder'],
  ])('%j is rejected before anything is sent', (words, why) => {
    const names: Record<string, Buffer> = {
      FILE: Buffer.alloc(MiB),
      LONG: Buffer.alloc(4 * MiB + 512),
      ODD: Buffer.alloc(2 * MiB + 1),
      EMPTY: Buffer.alloc(0),
    };
    return expectRejected(
      words.map((word) => (names[word] ? file(word, names[word]) : word)),
      why,
    );
  });

  it('is written, compared and read back, in bytes or in blocks', async () => {
    const data = randomBytes(2 * MiB + 512);
    const image = file('image', data);
    expect(await cli('write', '--start-block', '2', '-d', image)).toMatchObject({ status: 0, stderr: '' });
    expect(Buffer.from(disk.data.subarray(1024, 1024 + data.length)).equals(data)).toBe(true);
    const compare = ['compare', '--offset', '1k', '--file', image];
    expect(await cli(...(compare as [string]))).toMatchObject({ status: 0, stderr: '' });
    disk.data[1024 + MiB + 7] = 255 - (disk.data[1024 + MiB + 7] as number);
    const { status, stderr } = await cli(...(compare as [string]));
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: expect.stringMatching(/^spdk-nvme: ERR_SPDK_IO_FAILED/),
    });
    const out = path.join(folder, 'out');
    const blocks = ['--start-block', '2', '-c', '3', '--data-size', '2k', '-d', out];
    expect(await cli('read', ...blocks)).toMatchObject({ status: 0, stderr: '' });
    expect(readFileSync(out).equals(data.subarray(0, 2048))).toBe(true);
  });

  it.each(['write', 'compare'])(
    '%s ends with the piece that fails, though its input brings nothing more',
    async (verb) => {
      const failure = { sct: 2, sc: 0x81, command: verb as 'write' };
      const ended = { status: 1, stderr: expect.stringContaining('ERR_SPDK_IO_FAILED') };
      const stalled = new Readable({ read() {} });
      stalled.push(Buffer.alloc(MiB));
      const stdin = vi.spyOn(process, 'stdin', 'get').mockReturnValue(stalled as typeof process.stdin);
      subsystem.target.failCommands(failure);
      expect(await cli(verb)).toMatchObject(ended);
      expect(stalled.destroyed).toBe(true);
      stdin.mockRestore();

      const pipe = path.join(folder, `pipe-${verb}`);
      execFileSync('mkfifo', [pipe]);
      const writer = await openFile(pipe, 'r+');
      try {
        const written = writer.write(Buffer.alloc(MiB));
        subsystem.target.failCommands(failure);
        expect(await cli(verb, '--data', pipe)).toMatchObject(ended);
        await written;
      } finally {
        await writer.close();
      }
    },
  );

  it('zeroes have the time limit for each command, not for all of them', async () => {
    const size = 80 * MiB;
    subsystem.resizeNamespace(1, size / 512);
    const writeZeroes = vi.spyOn(Namespace.prototype, 'writeZeroes');
    expect(await cli('write-zeroes', '-z', String(size))).toMatchObject({ status: 0, stderr: '' });
    const ranges = writeZeroes.mock.calls.map(([{ offset, length }]) => [offset / MiB, length / MiB]);
    expect(ranges).toEqual([
      [0, 32],
      [32, 32],
      [64, 16],
    ]);
    expect(disk.data.every((byte) => byte === 0)).toBe(true);
  });

  it('zeroes are where they belong', async () => {
    expect(await cli('write-zeroes', '--start-block', '1', '-c', '0')).toMatchObject({
      status: 0,
      stderr: '',
    });
    expect([0, 511, 512, 1023, 1024].map((at) => disk.data[at])).toEqual([7, 7, 0, 0, 7]);
  });
});

describe('a file that is read into', () => {
  const parts = () => readdirSync(folder).filter((name) => name.endsWith('.part'));

  it('stays as it was if reading fails', async () => {
    const out = file('kept', Buffer.from('before'));
    subsystem.target.failCommands({ sct: 2, sc: 0x81, command: 'read' });
    const { status, stderr } = await cli('read', '-d', out);
    expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringContaining('ERR_SPDK_IO_FAILED') });
    expect(readFileSync(out, 'utf8')).toBe('before');
    expect(parts()).toEqual([]);
  });

  it('is not there if there was none', async () => {
    const out = path.join(folder, 'none');
    subsystem.target.failCommands({ sct: 2, sc: 0x81, command: 'read' });
    expect((await cli('read', '-d', out)).status).toBe(1);
    expect(existsSync(out)).toBe(false);
    expect(parts()).toEqual([]);
  });

  it('is replaced where a link leads, and a device is written as it is', async () => {
    const out = file('linked', Buffer.from('before'));
    const link = path.join(folder, 'link');
    symlinkSync(out, link);
    expect(await cli('read', '-d', link)).toMatchObject({ status: 0, stderr: '' });
    expect(readFileSync(out)).toHaveLength(4 * MiB);
    expect(await cli('read', '-d', '/dev/null')).toMatchObject({ status: 0, stderr: '' });
    expect(parts()).toEqual([]);
  });

  it('may have a name as long as there can be', async () => {
    const out = path.join(folder, 'n'.repeat(255));
    expect(await cli('read', '-d', out)).toMatchObject({ status: 0, stderr: '' });
    expect(readFileSync(out)).toHaveLength(4 * MiB);
  });

  it('is not taken for another file, to which another user has put a link', async () => {
    const out = path.join(folder, 'mine');
    const victim = file('victim', Buffer.from('before'));
    symlinkSync(victim, `${out}.${process.pid}.part`);
    expect(await cli('read', '-d', out)).toMatchObject({ status: 0, stderr: '' });
    expect(readFileSync(victim, 'utf8')).toBe('before');
    expect(lstatSync(out).isFile()).toBe(true);
    rmSync(`${out}.${process.pid}.part`);
  });

  it.skipIf(!canMount())(
    'is written as it is where it is mounted by itself, as into a container',
    async () => {
      const out = file('a mount', Buffer.alloc(5 * MiB, 1));
      execFileSync('mount', ['--bind', file('source', Buffer.alloc(5 * MiB, 1)), out]);
      try {
        expect(await cli('read', '-d', out)).toMatchObject({ status: 0, stderr: '' });
      } finally {
        execFileSync('umount', [out]);
      }
      expect(readFileSync(path.join(folder, 'source')).equals(disk.data)).toBe(true);
      expect(parts()).toEqual([]);
    },
  );

  it('keeps the permissions and the owner of a file that it replaces', async () => {
    const out = file('shared', Buffer.from('old'));
    // More than a umask leaves.
    chmodSync(out, 0o666);
    const isRoot = process.getuid?.() === 0;
    if (isRoot) chownSync(out, 1234, 1235);
    expect(await cli('read', '-d', out)).toMatchObject({ status: 0, stderr: '' });
    const { size, mode, uid, gid } = statSync(out);
    expect([size, mode & 0o777]).toEqual([4 * MiB, 0o666]);
    if (isRoot) expect([uid, gid]).toEqual([1234, 1235]);
  });
});

it.each(['stress', 'perf'])('%s reads namespaces with metadata', async (verb) => {
  subsystem.removeNamespace(1);
  subsystem.addNamespace(1, { blocks: 512, metadataSize: 8 });
  const words = verb === 'stress' ? ['--reads', '--loops', '1'] : ['--seconds', '1', '--api', 'promise'];
  const { stdout } = await cli(verb, ...words, '-o', 'json');
  const { failed, failuresByCode = {} } = JSON.parse(stdout.toString());
  expect({ failed, failuresByCode }).toEqual({ failed: 0, failuresByCode: {} });
});

describe('what is shown', () => {
  it.each([
    ['sanitize-log', 512],
    ['self-test-log', 564],
  ])('%s gives the raw log page', async (verb, length) => {
    Object.assign(subsystem.management, { oacs: 0x10, sanicap: 7 });
    const { status, stdout, stderr } = await cli(verb, '-b');
    expect({ status, stderr, length: stdout.length }).toEqual({ status: 0, stderr: '', length });
    expect(JSON.parse((await cli(verb, '-o', 'json')).stdout.toString())).toHaveProperty('schema', 1);
  });

  it('get-log takes the rest of nvme-cli’s options', async () => {
    const words = ['-i', '7', '-l', '512', '--lpo', '4', '--lsp', '1', '--lsi', '2', '--rae', '-b'];
    const { stdout } = await cli('get-log', ...words);
    expect([stdout.length, stdout[0]]).toEqual([512, 4 * 7]);
  });

  it('get-log shows a long page without keeping signals waiting', async () => {
    const page = Buffer.alloc(MiB + 16, 0x41);
    const read = vi.spyOn(Admin.prototype, 'logPage').mockResolvedValue(page);
    const words = ['-i', '2', '-l', String(page.length)];
    const { status, stdout } = await cli('get-log', ...words);
    read.mockImplementationOnce(async () => {
      setImmediate(() => process.emit('SIGTERM'));
      return page;
    });
    const stopped = await cli('get-log', ...words);
    expect(stopped.status).toBe(143);
    expect(stopped.stdout.length).toBeLessThan(stdout.length / 2);
    const lines = stdout.toString().split('\n');
    expect({ status, count: lines.length }).toEqual({ status: 0, count: page.length / 16 + 1 });
    expect(lines.at(-2)).toMatch(/^100000: 41 41 .* "A{16}"$/);
    const inJson = await cli('get-log', '-i', '2', '-l', '65M', '-o', 'json');
    expect(inJson).toMatchObject({ status: 2, stderr: expect.stringContaining('use --raw-binary') });
    expect(read).toHaveBeenCalledTimes(2);
    read.mockRestore();
  });

  it('a read of everything is as long as the namespace', async () => {
    const out = path.join(folder, 'everything');
    expect(await cli('read', '-d', out)).toMatchObject({ status: 0, stderr: '' });
    expect(readFileSync(out).equals(disk.data)).toBe(true);
  });
});
