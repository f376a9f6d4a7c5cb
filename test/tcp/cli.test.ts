// The command line as it is shipped, as a person would use it, against SPDK's own target over TCP. Longer than other
// files: all verbs share one target.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  closeSync,
  cpSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { ReportDocument } from '../../cli/report/document.js';
import { ensureHugepages } from '../../scripts/target/hugepages.js';
import { type SpdkTarget, startSpdkTarget } from '../../scripts/target/spdk-target.js';
import { lookAtPage, paintedPixels } from '../../scripts/testing/browser.js';
import { expectNoConnections, tcpConnections } from '../integration/suites/target.js';
import { killedAtEnd } from '../integration/support/killed-at-end.js';

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const listener = { trtype: 'TCP', traddr: '127.0.0.1', trsvcid: '4471' } as const;
const nqns = ['a', 'b'].map((name) => `nqn.2026-11.dev.spdk-nvme:cli-${name}`);
const where = { traddr: listener.traddr, trsvcid: listener.trsvcid };
const diskBytes = 64 * 2 ** 20;
const target = ['-t', 'tcp', '-a', listener.traddr, '-s', listener.trsvcid];
const one = [...target, '-n', nqns[0] as string];
const folder = mkdtempSync(path.join(os.tmpdir(), 'spdk-nvme-cli-'));
/** Two seconds, and as much for what else the processors have to do. A verb that does not heed a signal takes five, or a minute. */
const stoppedMs = 4_000;

let spdk: SpdkTarget;
beforeAll(async () => {
  spdk = await startSpdkTarget({
    listener,
    core: os.availableParallelism() - 1,
    subsystems: nqns.map((nqn, index) => ({
      nqn,
      serial: `CLI${index}`,
      disk: { kind: 'malloc', sizeMb: 64, blockSize: 512 },
    })),
  });
  ensureHugepages(256);
});
afterAll(async () => {
  await spdk?.stop();
  rmSync(folder, { recursive: true });
});

/** A free loop device, or a new one; none where the machine has no such devices. */
function loopDevice(...words: string[]): string {
  const { stdout } = spawnSync('losetup', ['-f', ...words], { encoding: 'utf8' });
  return (stdout ?? '').trim();
}

/** Runs a verb to its end. */
function cli(...words: string[]) {
  return execa(process.execPath, [main, ...words], { reject: false, encoding: 'buffer', timeout: 60_000 });
}

async function text(...words: string[]) {
  const { exitCode, stdout, stderr } = await cli(...words);
  return { exitCode, stdout: Buffer.from(stdout).toString(), stderr: Buffer.from(stderr).toString() };
}

async function json(...words: string[]) {
  const { exitCode, stdout, stderr } = await text(...words, '-o', 'json');
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  return JSON.parse(stdout);
}

const hasConnections = () => tcpConnections([listener.trsvcid]).initiators > 0;
/** What a page with charts draws. */
function dataOf(page: string): Pick<ReportDocument, 'charts' | 'events'> {
  const html = readFileSync(page, 'utf8');
  return JSON.parse(/<script type="application\/json" id="data">(.*)<\/script>/.exec(html)?.[1] ?? '');
}

const noConnections = () => expectNoConnections([listener.trsvcid]);

// Verbs wait most of their time, so those that only look run at the same time. The ones after them count hugepages or connections, or change
// the target.
describe.concurrent('looking', () => {
  afterAll(noConnections);

  it('discover gives what the target offers', async () => {
    const { schema, records } = await json('discover', ...target);
    expect(schema).toBe(1);
    expect(records).toEqual(
      expect.arrayContaining(
        nqns.map((subnqn) =>
          expect.objectContaining({
            trtype: 'tcp',
            adrfam: 'ipv4',
            subtype: 'nvme subsystem',
            subnqn,
            ...where,
          }),
        ),
      ),
    );
    expect((await text('discover', ...target)).stdout).toContain(nqns[0]);
  });

  it('discover says when it asks something else', async () => {
    const { exitCode, stderr } = await text('discover', ...one);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^spdk-nvme: ERR_SPDK_NOT_DISCOVERY_CONTROLLER/);
  });

  it('discover uses the port for discovery by default', async () => {
    const { exitCode, stderr } = await text('discover', '-t', 'tcp', '-a', '127.0.0.1', '--timeout', '500');
    expect({ exitCode, stderr }).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/UNREACHABLE.*8009 is the default; try -s 4420/),
    });
    const both = await text('discover', ...target, '--watch', '--referrals', '1');
    expect(both).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('--referrals') });
  });

  it('list-subsys gives each subsystem with its paths, as nvme-cli names them', async () => {
    const { schema, HostNQN, Subsystems } = await json('list-subsys', ...target);
    expect(schema).toBe(1);
    expect(HostNQN).toMatch(/^nqn\./);
    const Address = `traddr=${listener.traddr},trsvcid=${listener.trsvcid}`;
    const Paths = [{ Transport: 'tcp', Address, State: 'live' }];
    expect(Subsystems).toEqual(nqns.map((NQN) => ({ NQN, Paths })));
    expect((await json('list-subsys', ...one)).Subsystems).toEqual([{ NQN: nqns[0], Paths }]);
    expect((await text('list-subsys', ...one)).stdout).toBe(`NQN=${nqns[0]}\n\\\n +- tcp ${Address} live`);
    const unknown = await text('list-subsys', ...target, '-n', 'nqn.2026-11.dev.spdk-nvme:nobody');
    expect(unknown).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('nobody is not in the discovery log'),
    });
  });

  it('list gives the namespaces of several controllers', async () => {
    const { schema, Devices } = await json(
      'list',
      ...target,
      '-n',
      nqns[0] as string,
      '-n',
      nqns[1] as string,
    );
    expect(schema).toBe(1);
    expect(Devices).toMatchObject(
      nqns.map((nqn, index) => ({
        SubsystemNQN: nqn,
        SerialNumber: `CLI${index}`,
        PhysicalSize: diskBytes,
        SectorSize: 512,
      })),
    );
    expect((await text('list', ...one)).stdout).toContain('64 MiB');
  });

  it('list without --nqn gives all that is in the discovery log', async () => {
    const { Devices, Controllers } = await json('list', ...target);
    const devices = Devices.map((one: Record<string, unknown>) => [one.SubsystemNQN, one.PhysicalSize]);
    expect(devices).toEqual(nqns.map((nqn) => [nqn, diskBytes]));
    expect(Controllers).toMatchObject(nqns.map((SubsystemNQN) => ({ SubsystemNQN, Namespaces: 1 })));
  });

  it('list goes on past a target that is not there', async () => {
    const { exitCode, stdout, stderr } = await text('list', ...one, '-n', 'nqn.2026-11.dev.spdk-nvme:nobody');
    expect(exitCode).toBe(1);
    expect(stdout).toContain(nqns[0]);
    expect(stderr).toMatch(/^spdk-nvme: .*nobody: ERR_SPDK_/);
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  it('id-ctrl and id-ns decode what the controller says', async () => {
    expect(await json('id-ctrl', ...one)).toMatchObject({
      sn: expect.stringMatching(/^CLI0 +$/),
      subnqn: nqns[0],
    });
    const ns = await json('id-ns', ...one, '-N', '1');
    expect(ns).toMatchObject({ nsze: diskBytes / 512, lbafs: [{ ms: 0, ds: 9 }] });
    expect((await cli('id-ns', ...one, '-N', '1', '-b')).stdout).toHaveLength(4096);
    expect(await json('list-ns', ...one)).toMatchObject({ nsid_list: [{ nsid: 1 }] });
    const { 'ns-descs': names } = await json('ns-descs', ...one, '-N', '1');
    expect(names).toContainEqual(
      expect.objectContaining({
        uuid: expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
      }),
    );
  });

  it('logs and features are shown', async () => {
    expect(await json('smart-log', ...one)).toHaveProperty('temperature');
    expect((await json('error-log', ...one, '-e', '2')).errors).toHaveLength(2);
    expect((await cli('get-log', ...one, '-i', '2', '-l', '512', '-b')).stdout).toHaveLength(512);
    expect(await json('get-feature', ...one, '-f', '0x07')).toHaveProperty('value');
    const id = '8f3b416d-81bd-47ac-95c5-78f60a9dd181';
    const { data } = await json('get-feature', ...one, '-I', id, '-f', '0x81');
    expect(data).toBe(id.replaceAll('-', ''));
  });
});

describe('looking alone', () => {
  it('discover --watch prints changes until it is stopped', async () => {
    const words = ['discover', ...target, '--watch', '-o', 'json'];
    const child = killedAtEnd(execa(process.execPath, [main, ...words], { reject: false, timeout: 60_000 }));
    let printed = '';
    child.stdout.on('data', (part) => {
      printed += part;
    });
    await vi.waitUntil(() => printed.endsWith('\n'), { timeout: 20_000 });
    const lines = printed.trim().split('\n');
    expect(lines).toHaveLength(1);
    const { schema, added, removed } = JSON.parse(lines[0] as string);
    expect({ schema, removed }).toEqual({ schema: 1, removed: [] });
    expect(added).toEqual(
      expect.arrayContaining(nqns.map((subnqn) => expect.objectContaining({ subnqn, ...where }))),
    );
    child.kill('SIGINT');
    expect(await child).toMatchObject({ exitCode: 130, stderr: '' });
    await noConnections();
  });

  it('discover --watch prints changes, and ends when its output has no reader any more', async () => {
    const child = spawn(process.execPath, [main, 'discover', ...target, '--watch'], { stdio: 'pipe' });
    const ended = once(child, 'exit');
    let printed = '';
    let diagnostics = '';
    child.stdout.on('data', (part) => {
      printed += part;
    });
    child.stderr.on('data', (part) => {
      diagnostics += part;
    });
    const nqn = 'nqn.2026-11.dev.spdk-nvme:cli-new';
    try {
      const line = (name: string) => `+ ${name}  nvme subsystem  tcp ${listener.traddr} ${listener.trsvcid}`;
      await vi.waitFor(() => expect(printed).toContain(line(nqns[1] as string)), 20_000);
      await spdk.call('nvmf_create_subsystem', { nqn, allow_any_host: true });
      const listen_address = { ...listener, adrfam: 'IPv4' };
      await spdk.call('nvmf_subsystem_add_listener', { nqn, listen_address });
      await vi.waitFor(() => expect(printed).toContain(line(nqn)), 10_000);
      child.stdout.destroy();
      await spdk.call('nvmf_delete_subsystem', { nqn });
      const [exitCode] = await ended;
      expect({ exitCode, diagnostics }).toEqual({ exitCode: 141, diagnostics: '' });
    } finally {
      child.kill();
    }
    await noConnections();
  });

  it('doctor tests a target', async () => {
    const { findings } = await json('doctor', ...one);
    const of = (check: string) => findings.find((finding: { check: string }) => finding.check === check);
    for (const check of [
      ...['addon', 'hugepages', 'route', 'port', 'discovery', 'attach', 'read of namespace 1', 'detach'],
    ]) {
      expect(of(check), check).toMatchObject({ level: 'ok' });
    }
    for (const check of ['port', 'discovery', 'attach', 'read of namespace 1', 'detach']) {
      expect(of(check)?.ms, check).toBeGreaterThan(0);
    }
  });

  it('doctor works in a folder of any name', async () => {
    const root = path.join(folder, 'a #? %41');
    for (const name of ['dist', 'package.json', 'scripts/install'])
      cpSync(name, path.join(root, name), { recursive: true });
    symlinkSync(path.resolve('node_modules'), path.join(root, 'node_modules'));
    const { stdout, stderr } = await execa(
      process.execPath,
      [path.join(root, 'dist/cli/main.js'), 'doctor'],
      {
        reject: false,
      },
    );
    expect({ stdout, stderr }).toEqual({ stdout: expect.stringMatching(/^ok +Node\.js: v/), stderr: '' });
  });

  it('doctor says what is wrong with a target, and what to do', async () => {
    const { exitCode, stdout } = await text(
      'doctor',
      ...target.slice(0, 4),
      '-s',
      '4499',
      '-n',
      nqns[0] as string,
    );
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/FAILURE port: .*4499.*\n +→ nc -zv 127\.0\.0\.1 4499$/);
  });
});

describe('reading and writing', () => {
  const file = (name: string) => path.join(folder, name);

  it('files go to a namespace and come back, whatever their length', async () => {
    const data = randomBytes(3 * 2 ** 20 + 512);
    writeFileSync(file('in'), data);
    const at = ['--offset', '1k'];
    expect(await text('write', ...one, ...at, '-d', file('in'))).toMatchObject({ exitCode: 0, stderr: '' });
    const read = ['read', ...one, ...at, '-z', String(data.length)];
    expect(await text(...read, '-d', file('out'))).toMatchObject({ exitCode: 0, stderr: '' });
    expect(readFileSync(file('out')).equals(data)).toBe(true);
    const piped = await cli(...read);
    expect(Buffer.from(piped.stdout).equals(data)).toBe(true);
    await json('id-ctrl', ...one);
  });

  it('a comparison says that the data is another, or that the controller has none', async () => {
    writeFileSync(file('other'), randomBytes(4096));
    const { exitCode, stderr } = await text('compare', ...one, '-d', file('other'));
    expect(exitCode).toBe(1);
    const { oncs } = await json('id-ctrl', ...one);
    const why =
      oncs & 1
        ? /^spdk-nvme: ERR_SPDK_IO_FAILED: Comparing 4096/
        : /^spdk-nvme: ERR_SPDK_UNSUPPORTED: .* Compare$/;
    expect(stderr).toMatch(why);
  });

  it('pipes work both ways', async () => {
    const data = randomBytes(64 * 1024);
    const written = await execa(process.execPath, [main, 'write', ...one], { input: data, reject: false });
    expect(written).toMatchObject({ exitCode: 0 });
    const { stdout } = await cli('read', ...one, '-z', '64k');
    expect(createHash('sha256').update(stdout).digest('hex')).toBe(
      createHash('sha256').update(data).digest('hex'),
    );
  });

  it('a file as stdin is checked before anything is sent, from where the shell has left it', async () => {
    const data = randomBytes(64 * 1024);
    const shell = (script: string, name = 'stdin') =>
      execa('bash', ['-c', script, process.execPath, main, file(name), ...one], { reject: false });
    const read = async () => Buffer.from((await cli('read', ...one, '-z', '64k')).stdout);
    writeFileSync(file('stdin'), Buffer.concat([Buffer.alloc(512), data]));
    const write = `"$0" "$1" write "\${@:3}"`;
    const rest = `exec < "$2"; dd bs=512 count=1 of=/dev/null status=none; ${write}`;
    expect(await shell(rest)).toMatchObject({ exitCode: 0, stderr: '' });
    expect((await read()).equals(data)).toBe(true);
    const rejections = [
      [2 * 2 ** 20 + 5, 'not a multiple of the block size'],
      [diskBytes + 512, 'past the end'],
      [0, 'stdin is empty'],
    ] as const;
    const rejects = async ([bytes, why]: (typeof rejections)[number]) => {
      const name = `stdin-${bytes}`;
      writeFileSync(file(name), '');
      truncateSync(file(name), bytes);
      const rejected = { exitCode: 2, stderr: expect.stringContaining(why) };
      expect(await shell(`${write} < "$2"`, name)).toMatchObject(rejected);
    };
    await Promise.all(rejections.map(rejects));
    expect((await read()).equals(data)).toBe(true);
  });

  it.skipIf(loopDevice() === '')('block devices as stdin and stdout carry data both ways', async () => {
    const data = randomBytes(2 ** 20);
    writeFileSync(file('disk'), data);
    const device = loopDevice('--show', file('disk'));
    const shell = (words: string) =>
      execa('bash', ['-c', `"$0" "$@" ${words}`, process.execPath, main], { reject: false });
    try {
      expect(await shell(`write ${one.join(' ')} < ${device}`)).toMatchObject({ exitCode: 0, stderr: '' });
      const { stdout } = await cli('read', ...one, '-z', '1M');
      expect(Buffer.from(stdout).equals(data)).toBe(true);
      const read = `read ${one.join(' ')} --offset 512 -z`;
      expect(await shell(`${read} 1023K > ${device}`)).toMatchObject({ exitCode: 0, stderr: '' });
      execFileSync('sync', [device]);
      expect(
        readFileSync(device).equals(
          Buffer.concat([data.subarray(512, 1023 * 1024 + 512), data.subarray(1023 * 1024)]),
        ),
      ).toBe(true);
      const late = await shell(`${read} 2M > ${device}`);
      expect(late).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('ENOSPC') });
    } finally {
      execFileSync('losetup', ['-d', device]);
    }
  });

  it('named pipes carry data both ways, whichever end is opened first', async () => {
    const data = randomBytes(3 * 2 ** 20);
    writeFileSync(file('sent'), data);
    const shell = (script: string, ...words: string[]) =>
      execa('bash', ['-c', script, ...words, process.execPath, main, ...one], { reject: false });
    const verb = (name: string, words: string) => `"$2" "$3" ${name} "\${@:4}" ${words} -d "$0"`;
    for (const [first, second] of [
      [`cat "${file('sent')}" > "$0"`, verb('write', '')],
      [verb('read', '-z 3M'), `cat "$0" > "$1"`],
    ]) {
      // Both at once: each has a pipe of its own, and the same data.
      const carries = async (pauses: string, name: string) => {
        const pipe = file(`pipe-${name}`);
        execFileSync('mkfifo', [pipe]);
        const script = `(${pauses} ${first}) & ${pauses ? '' : 'sleep 1;'} ${second} && wait $!`;
        expect(await shell(script, pipe, file(name))).toMatchObject({ exitCode: 0, stderr: '' });
        rmSync(pipe);
      };
      await Promise.all([carries('', 'received'), carries('sleep 1;', 'received-late')]);
    }
    for (const name of ['received', 'received-late'])
      expect(readFileSync(file(name)).equals(data), name).toBe(true);
  });

  it('a pipe that closes early ends a read cleanly', async () => {
    const command = `"${process.execPath}" "${main}" read ${one.join(' ')} | head -c 1000 | wc -c; echo "\${PIPESTATUS[0]}"`;
    const { stdout, stderr } = await execa('bash', ['-c', command], { reject: false });
    expect(stdout.split('\n')).toEqual(['1000', '141']);
    expect(stderr).toBe('');
    await noConnections();
  });

  it('a full disk ends a read with one line', async () => {
    const { exitCode, stderr } = await text('read', ...one, '-d', '/dev/full');
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^spdk-nvme: ENOSPC: no space.*$/);
  });

  it('a full disk ends every verb that prints with one line', async () => {
    for (const words of [
      ['discover', ...target],
      ['advisories', '--all'],
    ]) {
      const command = `"${process.execPath}" "${main}" ${words.join(' ')} > /dev/full`;
      const { exitCode, stderr } = await execa('bash', ['-c', command], { reject: false });
      expect(exitCode, stderr).toBe(1);
      expect(stderr).toMatch(/^spdk-nvme: ENOSPC: no space.*$/);
    }
    await noConnections();
  });

  it('an input that ends in the middle of a block is rejected', async () => {
    writeFileSync(file('odd'), randomBytes(1000));
    const words = [main, 'write', ...one];
    const { exitCode, stderr } = await execa(process.execPath, words, {
      inputFile: file('odd'),
      reject: false,
    });
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/middle of a block.*0 bytes were sent/);
  });

  it('zeroes, deallocate and flush', async () => {
    expect(await text('write-zeroes', ...one, '-z', '1M')).toMatchObject({ exitCode: 0, stderr: '' });
    expect((await cli('read', ...one, '-z', '1M')).stdout.every((byte) => byte === 0)).toBe(true);
    expect(await text('dsm', ...one, '--ad', '-z', '1M')).toMatchObject({ exitCode: 0, stderr: '' });
    expect(await text('flush', ...one)).toMatchObject({ exitCode: 0, stderr: '' });
  });

  it('any command can be sent', async () => {
    const identify = ['-O', '0x06', '--cdw10', '1', '-l', '4096', '-R', '-b'];
    expect((await cli('admin-passthru', ...one, ...identify)).stdout).toHaveLength(4096);
    const flush = await text('io-passthru', ...one, '-O', '0');
    expect(flush).toMatchObject({ exitCode: 0, stdout: 'result: 0x00000000' });
  });
});

describe.concurrent('changing the device', () => {
  const image = path.join(folder, 'firmware');
  const verbs: readonly (readonly string[])[] = [
    ['format', '-N', '1'],
    ['create-ns', '--nsze', '8'],
    ['delete-ns', '-N', '1'],
    ['attach-ns', '-N', '1', '-c', '1,2'],
    ['detach-ns', '-N', '1'],
    ['fw-download', '--fw', image],
    ['fw-commit'],
    ['sanitize', '--sanact', '2'],
    ['device-self-test', '--self-test-code', '0xf'],
  ];

  beforeAll(() => writeFileSync(image, Buffer.alloc(4)));
  afterAll(noConnections);

  it.each(verbs)(
    '%s does nothing without --force, and says that this target does not have it',
    async (...words) => {
      const unsure = await text(...words, ...one);
      expect(unsure).toMatchObject({ exitCode: 2, stdout: '' });
      expect(unsure.stderr).toContain('confirm it with --force');
      const { exitCode, stderr } = await text(...words, ...one, '--force');
      expect({ exitCode, stderr }).toMatchObject({ exitCode: 1 });
      expect(stderr).toMatch(/^spdk-nvme: ERR_SPDK_UNSUPPORTED: The controller does not support /);
    },
  );

  it.each(['sanitize-log', 'self-test-log'])('%s is not there either', async (verb) => {
    expect((await text(verb, ...one)).stderr).toMatch(/^spdk-nvme: ERR_SPDK_UNSUPPORTED/);
  });
});

describe('measuring', () => {
  it.each([
    ['batch', 'threads'],
    ['batch', 'inline'],
    ['promise', 'threads'],
    ['promise', 'inline'],
    ['batch', 'adaptive'],
    ['promise', 'adaptive'],
  ])('perf measures reads by %s, %s', async (api, polling) => {
    const words = ['perf', ...one, '--seconds', '1', '--ramp', '0', '--api', api, '--polling', polling];
    const page = path.join(folder, `${api}-${polling}.html`);
    const report = await json(...words, '--depth', '8', '--io-queues', '2', '--report', page);
    expect(report).toMatchObject({ schema: 1, failed: 0, depth: 8, ioQueues: 2, interrupted: false });
    expect(report.operations).toBeGreaterThan(report.depth * report.ioQueues);
    expect(report.reads).toBe(report.operations);
    expect(report.latencyUs.p99).toBeGreaterThanOrEqual(report.latencyUs.p50);
    const counted = report.distributionUs.reduce(
      (sum: number, { count }: { count: number }) => sum + count,
      0,
    );
    expect(counted).toBe(report.operations);
    expect(dataOf(page).charts.map(({ title }) => title)).toContain('Latency over time');
  });

  it('perf keeps to a rate, and checks what it wrote', async () => {
    const words = ['perf', ...one, '--workload', 'randrw', '--allow-writes', '--verify', '--rate', '500'];
    const { exitCode, stdout, stderr } = await text(...words, '--seconds', '2', '--ramp', '0', '-o', 'json');
    expect({ exitCode, stderr }).toEqual({
      exitCode: 0,
      stderr: expect.stringMatching(/^spdk-nvme: perf overwrites .+$/),
    });
    const report = JSON.parse(stdout);
    expect(report).toMatchObject({ failed: 0, mismatches: 0 });
    expect(report.iops).toBeGreaterThan(350);
    expect(report.iops).toBeLessThan(600);
  });

  it('stress attaches and detaches with reads in flight', async () => {
    const report = path.join(folder, 'stress.json');
    const page = path.join(folder, 'stress.html');
    const words = ['stress', ...one, '-n', nqns[1] as string, '--loops', '5', '--reads', '--json', report];
    words.push('--report', page);
    const { exitCode, stdout, stderr } = await text(...words);
    expect({ exitCode, stdout }, stderr).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/\nClean$/),
    });
    expect(JSON.parse(readFileSync(report, 'utf8'))).toMatchObject({
      schema: 1,
      completed: 5,
      failed: 0,
      hangs: 0,
      findings: [],
    });
    const { charts } = dataOf(page);
    const titles = charts.map(({ title }) => title);
    expect(titles).toEqual(expect.arrayContaining(['Phases of an attach', 'Phases of a detach']));
    const attach = charts.find(({ title }) => title === 'Phases of an attach')?.series ?? [];
    const controller = attach.find(({ label }) => label === 'controller')?.values ?? [];
    expect(controller.some((ms) => ms !== null && ms > 0)).toBe(true);
    const rate = charts.find(({ title }) => title === 'Rate over time');
    const ends = rate?.x.values ?? [];
    const loops =
      rate?.series[0]?.values.map((each, i) => (each ?? 0) * ((ends[i] ?? 0) - (ends[i - 1] ?? 0))) ?? [];
    expect(loops.reduce((sum, count) => sum + count, 0)).toBeCloseTo(5);
    await noConnections();
  });

  it('stress reports a first loop that fails, too', async () => {
    const report = path.join(folder, 'failed.json');
    const page = path.join(folder, 'failed.html');
    const words = [
      'stress',
      ...target.slice(0, 4),
      '-s',
      '4499',
      '-n',
      nqns[0] as string,
      '--timeout',
      '500',
    ];
    const { exitCode, stderr } = await text(...words, '--json', report, '--report', page);
    expect({ exitCode, stderr }).toEqual({
      exitCode: 1,
      stderr: expect.stringContaining('nothing was measured'),
    });
    const { completed, failed, failuresByCode } = JSON.parse(readFileSync(report, 'utf8'));
    expect({ completed, failed, failuresByCode }).toEqual({
      completed: 0,
      failed: 1,
      failuresByCode: { ERR_SPDK_UNREACHABLE: 1 },
    });
    expect(dataOf(page).events).toMatchObject([{ text: expect.stringContaining('ERR_SPDK_UNREACHABLE') }]);
  });

  it('stress finds no leak when all of its output goes to files', async () => {
    const log = path.join(folder, 'stress.log');
    const words = [main, 'stress', ...one, '--loops', '3', '--memory', '128', '-v'];
    // The child writes to the file directly, not through a pipe of this process.
    const shell = ['-c', 'exec "$@" >"$0" 2>&1 </dev/null', log, process.execPath];
    const { exitCode } = await execa('sh', [...shell, ...words], { reject: false, timeout: 20_000 });
    expect({ exitCode, log: readFileSync(log, 'utf8') }).toEqual({
      exitCode: 0,
      // SPDK's own lines contain the amount of memory.
      log: expect.stringMatching(/ -m 128 [\s\S]*\nClean\n$/),
    });
  });
});

describe('in a browser', () => {
  it.each([
    ['perf', ['--seconds', '2', '--ramp', '0', '--workload', 'randread']],
    ['stress', ['--loops', '5', '--reads']],
  ])('draws the page of a real %s', { timeout: 120_000 }, async (verb, words) => {
    const file = path.join(folder, `drawn-${verb}.html`);
    expect(await text(verb, ...one, ...words, '--report', file)).toMatchObject({ exitCode: 0 });
    const { charts } = dataOf(file);
    const {
      painted,
      text: shown,
      ...seen
    } = await lookAtPage(file, async (page) => ({
      titles: await page.locator('#charts h2').allTextContents(),
      labels: await page.locator('#charts .u-series .u-label').allTextContents(),
      painted: await paintedPixels(page),
      text: await page.locator('body').innerText(),
    }));
    expect(seen).toEqual({
      titles: charts.map(({ title }) => title),
      labels: charts.flatMap(({ x, series }) => [x.label, ...series.map(({ label }) => label)]),
    });
    expect(painted).toHaveLength(charts.length);
    for (const pixels of painted) expect(pixels).toBeGreaterThan(1_000);
    expect(shown).not.toMatch(/NaN|undefined/);
    expect(shown).toContain('Nothing was found wrong.');
  });
});

describe('ending', () => {
  it.each([
    ['perf', ['--seconds', '60']],
    // This run finds completions in every turn of the event loop.
    ['perf', ['--seconds', '60', '--polling', 'inline', '--depth', '128']],
    ['stress', ['--loops', '100000', '--reads']],
    ['read', ['-d', '/dev/null']],
  ])('Ctrl-C ends %s %j within two seconds, with nothing attached', async (verb, words) => {
    const child = killedAtEnd(execa(process.execPath, [main, verb, ...one, ...words], { reject: false }));
    await vi.waitUntil(() => child.exitCode !== null || hasConnections(), { timeout: 20_000, interval: 20 });
    const begun = performance.now();
    child.kill('SIGINT');
    const { exitCode, stderr } = await child;
    if (verb !== 'read') expect(exitCode).toBe(130);
    expect(performance.now() - begun).toBeLessThan(stoppedMs);
    expect(stderr).not.toMatch(/\n\s+at /);
    await noConnections();
  });

  it('perf goes on if it is stopped for longer than --timeout, as by Ctrl-Z', async () => {
    // The time limit is that of the attach, too.
    const words = ['perf', ...one, '--seconds', '8', '--ramp', '0', '--timeout', '3000'];
    words.push('--keep-alive-tmo', '30');
    const env = { XDG_RUNTIME_DIR: folder };
    const child = killedAtEnd(execa(process.execPath, [main, ...words], { reject: false, env }));
    // It is there for as long as perf measures.
    const socket = path.join(folder, `spdk-nvme/spdk-nvme-${child.pid}.sock`);
    await vi.waitUntil(() => existsSync(socket), { timeout: 20_000, interval: 20 });
    await new Promise((resolve) => setTimeout(resolve, 500));
    child.kill('SIGSTOP');
    await new Promise((resolve) => setTimeout(resolve, 4_500));
    child.kill('SIGCONT');
    const { exitCode, stdout, stderr } = await child;
    expect({ exitCode, stderr }, stdout).toEqual({ exitCode: 0, stderr: '' });
  });

  it.each([
    ['write', 'its input'],
    ['read', 'its output'],
  ])('a signal ends %s that waits for %s', async (verb) => {
    // Nothing is written to the one pipe, and nothing reads from the other.
    const child = killedAtEnd(spawn(process.execPath, [main, verb, ...one], { stdio: 'pipe' }));
    const ended = once(child, 'exit');
    await vi.waitUntil(hasConnections, { timeout: 20_000, interval: 20 });
    await new Promise((resolve) => setTimeout(resolve, 300));
    const begun = performance.now();
    child.kill('SIGTERM');
    const [exitCode] = await ended;
    expect(performance.now() - begun).toBeLessThan(stoppedMs);
    expect(exitCode).toBe(143);
    await noConnections();
  });

  it.each([
    ['stress', ['--loops', '1', '--json']],
    ['perf', ['--seconds', '1', '--ramp', '0', '--report']],
  ])('a signal ends %s whose report no process reads', async (verb, words) => {
    const pipe = path.join(folder, `${verb}-report`);
    execFileSync('mkfifo', [pipe]);
    const child = killedAtEnd(
      execa(process.execPath, [main, verb, ...one, ...words, pipe], { reject: false }),
    );
    await once(child.stdout, 'data');
    const begun = performance.now();
    child.kill('SIGINT');
    expect(await child).toMatchObject({ exitCode: 130 });
    expect(performance.now() - begun).toBeLessThan(stoppedMs);
    await noConnections();
  });

  it.each([
    ['write', 'nobody writes to', []],
    ['read', 'nobody reads', []],
    // A process that has both ends open, and does nothing.
    ['write', 'brings nothing', ['r+']],
    ['read', 'is full', ['r+']],
  ])('a signal ends %s with a named pipe that %s', async (verb, _, flags) => {
    const pipe = path.join(folder, 'idle-pipe');
    execFileSync('mkfifo', [pipe]);
    const peers = flags.map((flag) => openSync(pipe, flag));
    const child = execa(process.execPath, [main, verb, ...one, '-d', pipe], {
      reject: false,
      timeout: 30_000,
    });
    try {
      await vi.waitUntil(hasConnections, { timeout: 20_000, interval: 20 });
      await new Promise((resolve) => setTimeout(resolve, 300));
      const begun = performance.now();
      child.kill('SIGINT');
      const ended = await Promise.race([child, new Promise((resolve) => setTimeout(resolve, 5_000))]);
      expect(ended).toMatchObject({ exitCode: 130, stderr: '' });
      expect(performance.now() - begun).toBeLessThan(stoppedMs);
    } finally {
      child.kill('SIGKILL');
      for (const peer of peers) closeSync(peer);
      rmSync(pipe);
    }
    await noConnections();
  });
});

describe.concurrent('a command line', () => {
  it.each([
    [['read'], /--transport, --traddr, --nqn missing\. For example/],
    [['read', ...one, '-r', 'trtype:TCP traddr:127.0.0.1 trsvcid:1 subnqn:nqn.2014-08.org:a'], /not both/],
    [['read', ...one, '--length', '-5'], /'-5' is invalid/],
    [['read', ...one, '-z', '1000'], /--length 1000 is not a multiple/],
    [['read', ...one, '--offset', '63M', '-z', '2M'], /reach past the end/],
    [['write-zeroes', ...one, '--offset', '1', '-z', '512'], /--offset 1 is not a multiple/],
    [['dsm', ...one, '--ad', '--offset', '1G', '-z', '512'], /--offset 1073741824 is past the end/],
    [['perf', ...one, '--workload', 'randwrite'], /--allow-writes/],
    [['frobnicate'], /unknown command 'frobnicate'/],
    [['id-ns', ...one, '--namespace', '1'], /Did you mean/],
  ])('%j is rejected with status 2 and says why', async (words, why) => {
    const { exitCode, stderr, stdout } = await text(...words);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(why);
    expect(stderr).toMatch(/^spdk-nvme: [^\n]+ For example: spdk-nvme [^\n]+$/);
  });
});

it('leaves nothing behind', async () => {
  await noConnections();
  expect(existsSync(main)).toBe(true);
});
