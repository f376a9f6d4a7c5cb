// Every verb of the command line with a target that falls silent in the middle, and one verb of each kind with one that is absent, wrong or
// silent, or dies, and with Ctrl-C: it ends in time, with a status and a line that say why, and nothing stays attached.
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeProgram } from '../../cli/program.js';
import { ensureHugepages } from '../../scripts/target/hugepages.js';
import { type SpdkTarget, startSpdkTarget } from '../../scripts/target/spdk-target.js';
import { expectNoConnections } from '../integration/suites/target.js';
import { replacing } from '../support/options.js';
import { actAt, type Moment } from './command-proxy.js';
import { listenSilently } from './silent-target.js';

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const address = '127.0.0.1';
const listener = { trtype: 'TCP', traddr: address, trsvcid: '4472' } as const;
const subnqn = 'nqn.2026-11.dev.spdk-nvme:cli-faults';
const timeoutMs = 500;
/** Node.js and SPDK start and end, four at once beside other processes. */
const startMs = 10_000;
/** Two seconds, and as much for what else the processors have to do. A verb that does not heed Ctrl-C takes five, or a minute. */
const stoppedMs = 4_000;
const folder = mkdtempSync(path.join(os.tmpdir(), 'spdk-nvme-cli-faults-'));
const input = path.join(folder, 'input');

interface Verb {
  readonly name: string;
  readonly words: readonly string[];
  readonly moment: Moment;
}

const verbs: readonly Verb[] = [
  verb('discover', 'log'),
  verb('list-subsys', 'log'),
  verb('doctor', 'attached'),
  verb('list', 'attaching'),
  // Without --nqn.
  verb('list', 'log'),
  ...['id-ctrl', 'id-ns', 'ns-descs', 'list-ns', 'smart-log', 'error-log', 'flush'].map((name) =>
    verb(name, 'attached'),
  ),
  verb('get-log', 'attached', '-i', '2', '-l', '512'),
  verb('get-feature', 'attached', '-f', '7'),
  verb('read', 'attached', '-d', '/dev/null'),
  verb('write', 'attached', '-d', input),
  // The target has no Compare, so that the verb ends when it has attached.
  verb('compare', 'attaching', '-d', input),
  verb('write-zeroes', 'attached', '-z', '1M'),
  verb('dsm', 'attached', '--ad', '-z', '1M'),
  verb('admin-passthru', 'attached', '-O', '0x06', '--cdw10', '1', '-l', '4096', '-R'),
  verb('io-passthru', 'attached', '-O', '0'),
  verb('zns-report-zones', 'attached'),
  verb('format', 'attached', '-N', '1', '--force'),
  verb('fw-download', 'attached', '--fw', input, '--force'),
  verb('sanitize-log', 'attached'),
  verb('perf', 'attached', '--seconds', '60'),
  verb('stress', 'attached', '--loops', '1000', '--reads'),
];

/** Verbs that differ from those above in what they send last only: their target falls silent there. */
const others: readonly Verb[] = [
  verb('zns-id-ns', 'attached'),
  ...['close', 'finish', 'open', 'reset', 'offline'].map((action) =>
    verb(`zns-${action}-zone`, 'attached', '--start-lba', '0'),
  ),
  verb('zns-zone-mgmt-send', 'attached', '--start-lba', '0', '--zsa', '4'),
  verb('zns-zone-append', 'attached', '--zslba', '0', '-d', input),
  // The target has no Copy.
  verb('copy', 'attaching', '--sdlba', '8', '--slbs', '0', '--blocks', '7'),
  verb('create-ns', 'attached', '--nsze', '8', '--force'),
  ...['delete-ns', 'attach-ns', 'detach-ns'].map((name) => verb(name, 'attached', '-N', '1', '--force')),
  verb('fw-commit', 'attached', '--force'),
  verb('sanitize', 'attached', '--sanact', '2', '--force'),
  verb('device-self-test', 'attached', '--self-test-code', '1', '--force'),
  verb('self-test-log', 'attached'),
];
const all = [...verbs, ...others];

/** Verbs that look for their controllers, or wait for them, each in a way of its own: they meet every fault of an attach. */
const ownWays = ['discover', 'list-subsys', 'doctor', 'list', 'stress'];
const faults = ['absent', 'something else', 'silent', 'silent at Ctrl-C'] as const;
const first = randomInt(faults.length);
/** The others share the code of an attach, so each meets one of the faults: another one in another run. */
const verbsFor = (fault: (typeof faults)[number]) =>
  verbs.filter(({ name }, i) => ownWays.includes(name) || faults[(first + i) % faults.length] === fault);

function verb(name: string, moment: Moment, ...words: string[]): Verb {
  return { name, words, moment };
}

let spdk: SpdkTarget | undefined;
const start = async () => {
  spdk = await startSpdkTarget({
    listener,
    core: os.availableParallelism() - 1,
    sharedBuffers: 511,
    subsystems: [{ nqn: subnqn, serial: 'FAULTS', disk: { kind: 'malloc', sizeMb: 8, blockSize: 512 } }],
  });
  forVerbs();
};
const forVerbs = () => ensureHugepages(256);
beforeAll(() => {
  writeFileSync(input, Buffer.alloc(4 << 20));
  forVerbs();
});
afterAll(async () => {
  await spdk?.stop();
  rmSync(folder, { recursive: true });
});

function run({ name, words, moment }: Verb, port: number | string) {
  const nqn = moment === 'log' ? [] : ['-n', subnqn];
  const target = ['-t', 'tcp', '-a', address, '-s', String(port), ...nqn, '--timeout', String(timeoutMs)];
  return execa(process.execPath, [main, name, ...replacing(target, words)], {
    reject: false,
    timeout: 30_000,
  });
}

/** The error that a verb must print when its target fails. */
function expectFailure({ name }: Verb, { exitCode, stdout, stderr }: Awaited<ReturnType<typeof run>>): void {
  expect({ exitCode, stderr, stdout }).toMatchObject({ exitCode: 1 });
  expect(stderr).not.toMatch(/\n\s+at /);
  if (name === 'doctor') expect(stdout).toMatch(/FAILURE [^:]+: .+\n +→ /);
  else if (name === 'stress') expect(stderr).toMatch(/ERR_SPDK_\w+: .+/);
  else expect(stderr).toMatch(/^spdk-nvme: .*ERR_SPDK_\w+: [^\n]+$/);
}

/** Runs a verb at a port that fails it, and expects that it says so in time. */
async function expectTimelyFailure(
  one: Verb,
  port: number | string,
  limitMs = timeoutMs + startMs,
): Promise<void> {
  const begun = performance.now();
  const result = await run(one, port);
  expectFailure(one, result);
  expect(performance.now() - begun).toBeLessThan(limitMs);
}

it('no verb that has a target is missing here', () => {
  const withTarget = makeProgram().commands.filter(({ options }) =>
    options.some(({ long }) => long === '--traddr'),
  );
  expect([...new Set(all.map(({ name }) => name))].sort()).toEqual(
    withTarget.map((one) => one.name()).sort(),
  );
});

// The verbs wait most of their time, so several run at the same time.
describe.concurrent('a target that is', () => {
  it.each(verbsFor('absent'))('absent ends $name', async (one) => {
    await expectTimelyFailure(one, '4473', startMs);
  });

  it.each(verbsFor('something else'))('something else ends $name', async (one) => {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n'));
    });
    server.listen(0, address);
    await once(server, 'listening');
    try {
      await expectTimelyFailure(one, (server.address() as { port: number }).port);
    } finally {
      server.close();
      for (const socket of sockets) socket.destroy();
    }
  });

  it.each(verbsFor('silent'))('silent ends $name', async (one) => {
    const silent = await listenSilently(address);
    try {
      await expectTimelyFailure(one, silent.port);
    } finally {
      silent.close();
    }
  });

  it.each(verbsFor('silent at Ctrl-C'))('silent does not keep $name from ending by Ctrl-C', async (one) => {
    const silent = await listenSilently(address);
    try {
      const child = run({ ...one, words: [...one.words, '--timeout', '60000'] }, silent.port);
      await expectStopped(child, expect.poll(silent.connections, { timeout: startMs }).toBeGreaterThan(0));
    } finally {
      silent.close();
    }
  });
});

/** Ends a verb by Ctrl-C once it has come to a moment. Returns how long that took. */
async function expectStopped(
  child: ReturnType<typeof run>,
  moment: Promise<unknown>,
  limitMs = stoppedMs,
): Promise<number> {
  try {
    await moment;
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
  const begun = performance.now();
  child.kill('SIGINT');
  const { exitCode, stderr } = await child;
  expect({ exitCode, stderr }).toMatchObject({ exitCode: 130 });
  const ms = performance.now() - begun;
  expect(ms).toBeLessThan(limitMs);
  expect(stderr).not.toMatch(/\n\s+at /);
  return ms;
}

describe.concurrent('a target that', () => {
  // The target starts only now, because it keeps one core busy.
  beforeAll(start);
  afterAll(() => expectNoConnections([listener.trsvcid]));

  it.each(all)('falls silent in the middle ends $name', async (one) => {
    const proxy = await actAt(Number(listener.trsvcid), one.moment, () => 'this');
    try {
      await expectTimelyFailure(one, proxy.port, 2 * timeoutMs + startMs);
    } finally {
      proxy.close();
    }
  });

  it.each(verbs)('falls silent in the middle does not keep $name from ending by Ctrl-C', async (one) => {
    const proxy = await actAt(Number(listener.trsvcid), one.moment, () => 'this');
    try {
      const child = run({ ...one, words: [...one.words, '--timeout', '60000'] }, proxy.port);
      await expectStopped(child, Promise.race([proxy.held, child]));
    } finally {
      proxy.close();
    }
  });
});

it.each(['read', 'stress', 'perf'])(
  'falling silent leaves %s the two seconds after Ctrl-C that are documented',
  async (name) => {
    const one = verbs.find((known) => known.name === name) as Verb;
    if (!spdk) await start();
    // The best of a few: other programs of the machine delay single ends, but not all of them.
    const times: number[] = [];
    for (let i = 0; i < 4 && !times.some((ms) => ms < 2_000); i++) {
      const proxy = await actAt(Number(listener.trsvcid), one.moment, () => 'this');
      try {
        const child = run({ ...one, words: [...one.words, '--timeout', '60000'] }, proxy.port);
        times.push(await expectStopped(child, Promise.race([proxy.held, child]), Number.POSITIVE_INFINITY));
      } finally {
        proxy.close();
      }
    }
    expect(Math.min(...times), times.join()).toBeLessThan(2_000);
  },
);

/** As many verbs at the same time as in the other tests. */
const together = 4;
const waves = Array.from({ length: Math.ceil(verbs.length / together) }, (_, i) =>
  verbs.slice(i * together, (i + 1) * together),
).map((wave) => ({ wave, names: wave.map(({ name }) => name).join(', ') }));

describe('a target that', () => {
  it.each(waves)('dies in the middle ends $names', async ({ wave }) => {
    if (!spdk) await start();
    const proxies = await Promise.all(
      wave.map(({ moment }) => actAt(Number(listener.trsvcid), moment, () => 'this')),
    );
    try {
      const ends = proxies.map(({ port }, i) => {
        const { words, ...one } = wave[i] as Verb;
        // It notices by itself: the deadline must not come before the moment.
        return expectTimelyFailure({ ...one, words: [...words, '--timeout', '60000'] }, port);
      });
      const reached = Promise.all(proxies.map(({ held }) => held)).then(() => 'reached');
      const ended = Promise.all(ends).then(() => 'ended');
      expect(await Promise.race([reached, ended]), 'where all of them were at its death').toBe('reached');
      await spdk?.stop('SIGKILL');
      spdk = undefined;
      await ended;
    } finally {
      for (const proxy of proxies) proxy.close();
    }
    await expectNoConnections([listener.trsvcid]);
  });
});
