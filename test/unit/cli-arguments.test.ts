// Any command line is accepted, or rejected with a line that gives the reason. Nothing else may happen.

import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { CommanderError } from 'commander';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { exampleOf } from '../../cli/engine/options/examples.js';
import { run } from '../../cli/program.js';
import {
  checkCommandLine,
  commandLineOf,
  idle,
  rejectionLine,
  verbs,
} from '../../scripts/fuzz/command-lines.js';
import { randomRuns } from '../support/random-runs.js';

const silent = { writeOut: () => {}, writeErr: () => {} };

const ends = { accepted: 0, rejected: 0 };

it.each(verbs)(
  '%s runs with any words, or ends with 0 or 2 and a reason',
  { timeout: 60_000 },
  async (verb) => {
    await fc.assert(
      fc.asyncProperty(commandLineOf(verb), async (words) => {
        ends[(await checkCommandLine(words)) ? 'accepted' : 'rejected'] += 1;
      }),
      { numRuns: randomRuns(50) },
    );
  },
);

it('these words were accepted, or rejected, often enough to say something', () => {
  expect(ends.rejected).toBeGreaterThan(randomRuns(100));
  expect(ends.accepted).toBeGreaterThan(randomRuns(100));
});

it('prints the version of the package', async () => {
  const written: string[] = [];
  const output = { ...silent, writeOut: (text: string) => void written.push(text) };
  expect(await run(['--version'], output)).toBe(0);
  expect(written).toEqual([`${JSON.parse(readFileSync('package.json', 'utf8')).version}\n`]);
});

it.each(verbs)('%s has an example that it takes, in its help', (verb) => {
  const written: string[] = [];
  const { program, ran } = idle({ ...silent, writeOut: (text) => void written.push(text) });
  const example = exampleOf(verb);
  program.parse(example.split(' ').slice(1), { from: 'user' });
  expect(ran).toEqual([verb]);
  expect(() => program.parse([verb, '--help'], { from: 'user' })).toThrow(CommanderError);
  expect(written.join('')).toContain(`\n  ${example}\n`);
});

const target = ['-t', 'tcp', '-a', '192.0.2.1', '-n', 'nqn.2016-06.io.spdk:cnode1'];
/** Of a key; the checksum is wrong. */
const secret = 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA';
const id = 'trtype:TCP traddr:192.0.2.1 trsvcid:4420';

it.each([
  [['list'], '--transport, --traddr missing'],
  [['id-ctrl'], '--transport, --traddr, --nqn missing'],
  [['list', '-t', 'nvme'], '--transport'],
  [['list', '-a', '10.0.0.256'], '--traddr'],
  [['list', '-a', 'a host'], '--traddr'],
  [['list', ...target, '-s', '65536'], '--trsvcid'],
  [['list', '-n', 'cnode1'], '--nqn'],
  [['list', ...target, '-q', 'host'], '--hostnqn'],
  [['list', ...target, '-I', '00000000-0000-0000-0000-000000000000'], '--hostid'],
  [['list', ...target, '-w', 'eth0'], '--host-traddr'],
  [['list', ...target, '-w', '::1'], '--host-traddr ::1 is IPv6'],
  [['list', ...target, '-k', '3601'], '--keep-alive-tmo'],
  [['list', ...target, '-r', `${id} subnqn:nqn.2016-06.io.spdk:cnode1`], '--transport-id'],
  [['id-ctrl', '-r', id], 'has no subnqn'],
  [['list', '-r', 'nonsense'], '--transport-id'],
  [['id-ctrl', ...target, '-n', 'nqn.2016-06.io.spdk:cnode2'], '--nqn'],
  [['doctor', '-t', 'tcp'], '--traddr, --nqn missing'],
  [['doctor', '-w', '192.0.2.1'], '--transport, --traddr, --nqn missing'],
  [['doctor', '-S', secret], '--dhchap-secret must be'],
  [['doctor', '--tls'], '--tls needs --tls-key'],
  [['list', ...target, '-S', secret], '--dhchap-secret must be'],
  [['list', ...target, '-S', `DHHC-1:01:${secret}:`], '--dhchap-secret'],
  [['list', ...target, '-C', 'kernel:key'], '--dhchap-ctrl-secret needs --dhchap-secret'],
  [['list', ...target, '--tls-key', 'file:'], '--tls-key must be'],
  [['list', ...target, '--tls'], '--tls needs --tls-key'],
  [
    ['list', ...target, '--tls-key', 'file:a', '--tls_key', 'file:b'],
    '--tls-key or --tls_key was given twice',
  ],
  [['list', '-t', 'rdma', ...target.slice(2), '--tls-key', 'file:a'], '--tls-key needs the transport TCP'],
  [['list', ...target, '-n', target.at(-1) as string], 'was given twice'],
  [['list-subsys', ...target, '-n', target.at(-1) as string], 'was given twice'],
  [['perf', ...target, '--depth', '1', '--depth', '1'], '--depth was given twice'],
  [['read', ...target, '--data', 'a', '--file', 'b'], '--data or --file was given twice'],
  [['read', ...target, '--file', 'a', '-d', 'b'], '--data or --file was given twice'],
  [['write', ...target, '--data-size', '4k', '-z', '4k'], '--length or --data-size was given twice'],
  [['read', ...target, '--file', 'a', '--file', 'a'], '--data or --file was given twice'],
  [['list', ...target, '-o', 'json', '--output-format=normal'], '--output-format was given twice'],
  [['doctor', '--timeout', '100'], '--transport, --traddr, --nqn missing'],
  [['doctor', '-v'], '--transport, --traddr, --nqn missing'],
  [['admin-passthru', ...target, '-O', '0', '-b'], '--raw-binary needs --read'],
  [['format', ...target, '-N', '1', '--pil', '1', '--force'], '--pil needs --pi'],
  [['sanitize', ...target, '--sanact', '2', '--owpass', '3', '--force'], '--owpass needs --sanact'],
  [['sanitize', ...target, '--sanact', 'exit-failure', '-u', '--force'], '--ause needs a --sanact'],
  [[''], "unknown command ''"],
  [['', 'list', ...target], "unknown command ''"],
  [['list', '', ...target], 'too many arguments'],
  [['top', ''], "'sockets'"],
  [['build', '--spdk', ''], '--spdk'],
  [['list', ...target, `--dhchap-secre=DHHC-1:01:${secret}:`], '--dhchap-secre'],
  [['get-log', ...target, '-i', '2', '-l', '511'], '--log-len'],
  [['get-log', ...target, '-i', '2', '-l', '2G'], 'such as 4096, 4k, 1M. For'],
  [['discover', '-t', 'tcp', '-a', '192.0.2.1', '--watch', '--referrals', '1'], '--referrals'],
  [['discover', '-t', 'tcp', '-a', '192.0.2.1', '-k', '5'], '--keep-alive-tmo is for'],
  [['perf', ...target, '--workload', 'randwrite'], '--allow-writes'],
  [['admin-passthru', ...target, '-O', '6', '-R', '-W'], '--read or --write'],
  [['copy', ...target, '--sdlba', '0', '--slbs', '1'], '--blocks'],
  [['copy', ...target, '--sdlba', '0', '--slbs', '1,2', '--blocks', '0'], '--slbs has 2 values'],
  [['copy', ...target, '--sdlba', '0', '--slbs', '1,', '--blocks', '0'], '--slbs'],
  [['copy', ...target, '--sdlba', '-1', '--slbs', '1', '--blocks', '0'], '--sdlba'],
  [['zns', 'reset-zone', ...target], '--start-lba or --select-all'],
  [['zns', 'open-zone', ...target, '--start-lba', '0', '--select-all'], '--start-lba or --select-all'],
  [['zns-zone-mgmt-send', ...target, '--start-lba', '0', '--zsa', '6'], '--zsa'],
  [['zns', 'zone-append', ...target, '--zslba', '0'], '--data'],
  [['zns', 'zone-append', ...target, '--zslba', '0', '-d', '/nonexistent'], '--data cannot be read'],
  [['zns', 'zone-append', ...target, '--zslba', '0', '-d', '/dev/zero'], '--data must be a regular file'],
  [['zns', 'report-zones', ...target, '--state', '8'], '--state'],
  [['zns', 'nothing', ...target], 'zns-nothing'],
  [['zns'], 'zns'],
  [['stress', ...target, '--loops', '1', '--seconds', '1'], '--seconds'],
  [['stress', ...target, '--rdma-device', 'nope'], '--rdma-device'],
  [['stress', ...target, '--messages', '-o', 'json'], '--messages'],
  [['stress', ...target, '--json', 'nonsense', '--report', './nonsense'], '--json and --report'],
  [['list', ...target, '--nope'], '--nope'],
  [['list', ...target, 'more'], 'too many arguments'],
  [['lisst'], 'lisst'],
  [[], 'verb'],
  [['help', 'lisst'], 'lisst'],
  [['stress', ...target, '--json', '-'], '/dev/stdout'],
  [['perf', ...target, '--report', '-'], './- for a file of that name'],
  [['list', '-r', 'trtype:TCP traddr:disk.example trsvcid:1'], '(--traddr takes host names, too); got'],
  [['list', '-r', 'trtype:PCIe traddr:0000:01:00.0'], 'must be RDMA or TCP'],
  [['discover', '-r', 'trtype:PCIe traddr:0000:01:00.0'], 'must be RDMA or TCP'],
])('%j is rejected before anything is opened, with one line and status 2', async (words, why) => {
  const written: string[] = [];
  const output = { ...silent, writeErr: (text: string) => void written.push(text) };
  expect(await run(words, output)).toBe(2);
  expect(written.join('')).toMatch(rejectionLine);
  expect(written.join('')).toContain(why);
  expect(written.join('')).not.toContain(secret);
});

it.each([
  ['read', process.stdout],
  ['write', process.stdin],
  ['compare', process.stdin],
] as const)('%s does not transfer data from or to a terminal', async (verb, stdio) => {
  const written: string[] = [];
  const { isTTY } = stdio;
  stdio.isTTY = true;
  try {
    const output = { ...silent, writeErr: (text: string) => void written.push(text) };
    expect(await run([verb, ...target], output)).toBe(2);
  } finally {
    stdio.isTTY = isTTY;
  }
  expect(written.join('')).toMatch(rejectionLine);
  expect(written.join('')).toContain('--data');
});

it.each([
  ['read', 'stdout'],
  ['write', 'stdin'],
  ['compare', 'stdin'],
] as const)('%s does not take a folder for %s', (verb, stdio) => {
  const fd = openSync('/', 'r');
  try {
    const words = [fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url)), verb, ...target];
    const { status, stderr } = spawnSync(process.execPath, words, {
      encoding: 'utf8',
      stdio: [stdio === 'stdin' ? fd : 'ignore', stdio === 'stdout' ? fd : 'ignore', 'pipe'],
    });
    expect(stderr).toContain(`spdk-nvme: ${stdio} must be a file or a pipe, and is a folder`);
    expect(status).toBe(2);
  } finally {
    closeSync(fd);
  }
});

it('a key is not in the process list', () => {
  const show = `
    import { readdirSync, readFileSync } from 'node:fs';
    import { hideKeys } from './cli/engine/options/key-options.ts';
    const before = readFileSync('/proc/self/cmdline', 'utf8');
    hideKeys(process.argv.slice(1));
    console.log(JSON.stringify([before, readFileSync('/proc/self/cmdline', 'utf8')]));
  `;
  const words = [
    '--import',
    'tsx',
    '--input-type=module',
    '-e',
    show,
    '--',
    '-S',
    `DHHC-1:01:${secret}:`,
    'more',
  ];
  const [before, after] = JSON.parse(execFileSync(process.execPath, words, { encoding: 'utf8' }));
  expect(before).toContain(secret);
  expect(after).toContain('-S DHHC-1:… more');
  expect(after).not.toContain(secret);
});

it('no failure that the command line raises has a stack', () => {
  const files = readdirSync('cli', { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  );
  expect(files.length).toBeGreaterThan(50);
  for (const file of files)
    expect(readFileSync(`cli/${file}`, 'utf8'), file).not.toMatch(/throw new Error\(/);
});

it('the guide names the options of every verb that opens SPDK', () => {
  const opens = idle(silent).program.commands.filter(({ options }) =>
    options.some(({ long }) => long === '--traddr'),
  );
  expect(opens.length).toBeGreaterThan(20);
  for (const verb of opens) {
    const has = verb.options.map(({ long }) => long);
    expect(has, verb.name()).toEqual(expect.arrayContaining(['--memory', '--verbose']));
  }
});

it('the guide names the fields of every JSON', () => {
  const guide = readFileSync('docs/guide/command-line.md', 'utf8');
  const [, table = ''] = guide.split(/\| verb +\| fields of its JSON/);
  const { program } = idle(silent);
  const withJson = program.commands.filter(({ options }) => options.some(({ short }) => short === '-o'));
  expect(withJson.length).toBeGreaterThan(10);
  const rows = table.split('\n').map((line) => line.split('|')[1] ?? '');
  const named = rows.flatMap((cell) => [...cell.matchAll(/`([\w-]+)`/g)].map(([, verb]) => verb));
  for (const verb of withJson) expect(named, verb.name()).toContain(verb.name());
});
