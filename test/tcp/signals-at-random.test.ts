// Verbs of the command line that a signal stops at a random moment, at a target that works, is absent, falls silent or dies: a signal that
// JavaScript has heard decides the exit status, also of what has failed, and the end is soon, without a word or anything left.
// SIGNAL_SEED and SIGNAL_SECONDS repeat a run or make it longer.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import os, { constants } from 'node:os';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ensureHugepages } from '../../scripts/target/hugepages.js';
import { type SpdkTarget, startSpdkTarget } from '../../scripts/target/spdk-target.js';
import { Random } from '../../scripts/testing/random.js';
import { expectNoConnections } from '../integration/suites/target.js';
import { type Hold, PduProxy } from './proxy.js';

const seed = Number(process.env.SIGNAL_SEED ?? Date.now() % 2 ** 32);
const runMs = Number(process.env.SIGNAL_SECONDS ?? 8) * 1_000;
const lanes = 2;
/** Two seconds, and as much for what else the processors have to do. */
const stoppedMs = 4_000;
/** From the moment on at which the verb listens to signals; most verbs end by themselves before. */
const longestMs = 400;
/** The target may die or fall silent at one of the first PDUs of a verb, and the signal then comes within this time. Few verbs send less. */
const mostPdus = 24;
const untilChangeMs = 2_000;
const afterChangeMs = 60;

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const listener = { trtype: 'TCP', traddr: '127.0.0.1', trsvcid: '4474' } as const;
const absent = '4475';
const nqn = 'nqn.2026-11.dev.spdk-nvme:signals';
const folder = mkdtempSync(path.join(os.tmpdir(), 'spdk-nvme-signals-'));
const output = 'OUTPUT';
const verbs = [
  ...[['discover'], ['discover', '--watch'], ['list'], ['list-subsys'], ['doctor', '-n', nqn]],
  ...[
    ['list', '-n', nqn],
    ['id-ctrl', '-n', nqn],
    ['read', '-n', nqn, '-d', output],
    ['write', '-n', nqn],
  ],
  ...[
    ['perf', '-n', nqn, '--seconds', '60', '--report', output],
    ['stress', '-n', nqn, '--reads'],
  ],
] as const;
const kinds = ['working', 'working', 'absent', 'falling silent', 'dying', 'dying'] as const;
type Kind = (typeof kinds)[number];
const signals = ['SIGINT', 'SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** Says through descriptor 3 that the program has begun to listen to signals, and which one it has heard. */
const notice = `import { writeSync } from 'node:fs';
const emit = process.emit;
process.emit = (name, ...rest) => {
  if (${JSON.stringify(signals)}.includes(name)) writeSync(3, name);
  return emit.call(process, name, ...rest);
};
process.once('newListener', () => writeSync(3, ' '));`;

let spdk: SpdkTarget;
beforeAll(async () => {
  spdk = await startSpdkTarget({
    listener,
    core: os.availableParallelism() - 1,
    sharedBuffers: 511,
    subsystems: [{ nqn, serial: 'SIGNALS', disk: { kind: 'malloc', sizeMb: 8, blockSize: 512 } }],
  });
  ensureHugepages(lanes * 256);
});
afterAll(async () => {
  await spdk?.stop('SIGKILL');
  rmSync(folder, { recursive: true });
});

/** A target of a kind, and the moment at which it changes, if it does. */
async function meet(kind: Kind, random: Random) {
  const never = new Promise<void>(() => {});
  if (kind === 'working' || kind === 'absent')
    return { port: kind === 'absent' ? absent : listener.trsvcid, changed: never, close: () => {} };
  let left = random.below(mostPdus);
  let tell = () => {};
  const changed = new Promise<void>((resolve) => {
    tell = resolve;
  });
  const fromHost = (): Hold => {
    if (left-- > 0) return undefined;
    if (kind === 'dying') proxy.accept(false);
    tell();
    return 'this';
  };
  const proxy = await PduProxy.start({ targetPort: Number(listener.trsvcid), hooks: () => ({ fromHost }) });
  return { port: proxy.port, changed, close: () => proxy.close() };
}

/** Starts a verb. `listening` resolves when it listens to signals, and `said` with stderr and what the preload has noticed. */
function start(words: readonly string[], runtime: string) {
  const preload = ['--import', `data:text/javascript,${encodeURIComponent(notice)}`];
  const child = spawn(process.execPath, [...preload, main, ...words], {
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
    env: { ...process.env, XDG_RUNTIME_DIR: runtime },
  });
  const ended = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  const [, , stderr, notices] = child.stdio as unknown as Readable[];
  const listening = once(notices as Readable, 'data');
  const said = Promise.all([text(stderr as Readable), text(notices as Readable)]);
  child.stdout?.resume();
  child.stdin?.on('error', () => {}).end(Buffer.alloc(2 ** 20));
  return { child, ended, listening, said };
}

async function stopOne(random: Random, name: string): Promise<void> {
  const own = path.join(folder, name);
  mkdirSync(own);
  const [verb, ...others] = random.pick(verbs);
  const kind = random.pick(kinds);
  const signal = random.pick(signals);
  const changes = kind === 'dying' || kind === 'falling silent';
  const ms = changes ? untilChangeMs : random.below(longestMs);
  const target = await meet(kind, random);
  const where = ['-t', 'tcp', '-a', listener.traddr, '-s', String(target.port), '--timeout', '60000'];
  const words = others.map((word) => (word === output ? path.join(own, 'output') : word));
  const { child, ended, listening, said } = start([verb, ...where, ...words], own);
  const change = target.changed.then(() => sleep(random.below(afterChangeMs)));
  const begin = random.below(8) === 0 ? Promise.resolve() : listening;
  await Promise.race([ended, change, begin.then(() => sleep(ms))]);
  const begun = performance.now();
  child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), stoppedMs);
  const [code, by] = await ended;
  const took = performance.now() - begun;
  clearTimeout(timer);
  const [stderr, noticed] = await said;
  target.close();

  const what = `${verb} ${others.join(' ')}, ${kind}, ${signal} after ${ms} ms, seed ${seed}: ${stderr}`;
  const stopped = 128 + constants.signals[signal];
  const status = by === signal ? stopped : code;
  expect(took, what).toBeLessThan(stoppedMs);
  expect(stderr, what).not.toMatch(/\n\s+at /);
  const fails = kind === 'dying' || kind === 'absent';
  // The doctor may have found something else.
  const results = fails || verb === 'doctor' ? [0, 1] : [0];
  expect(status, what).toBeOneOf(noticed.includes(signal) ? [stopped] : [...results, stopped]);
  if (!fails) expect(stderr, what).toMatch(/^(Warming up\n)?(\d+\/100 loops.*\n)*$/);
  // By default a signal ends a process as it is.
  const left = by
    ? []
    : readdirSync(own, { recursive: true }).filter((file) => /\.(part|sock)$/.test(String(file)));
  expect(left, what).toEqual([]);
}

it('a signal ends every verb at every moment', { timeout: runMs + 60_000 }, async () => {
  const end = performance.now() + runMs;
  const lane = async (_: unknown, number: number) => {
    const random = new Random(seed + number);
    for (let i = 0; performance.now() < end; i++) await stopOne(random, `${number}-${i}`);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  await expectNoConnections([listener.trsvcid]);
});
