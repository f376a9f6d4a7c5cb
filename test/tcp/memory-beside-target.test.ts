// Targets in memory (`spdk-nvme/testing`) beside SPDK's own: the same random steps of three hosts have the same outcomes at both.

import { setTimeout } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Environment, type Namespace, type ReservationType, type SpdkError } from '../../lib/index.js';
import { reservationTypes } from '../../lib/nvme/reservations.js';
import { simulate } from '../../lib/testing/index.js';
import { Random } from '../../scripts/testing/random.js';
import { limits } from '../integration/support/limits.js';
import { eventually } from '../integration/support/timing.js';
import { localTarget } from './local-target.js';

const nqn = 'nqn.2026-11.dev.spdk-nvme:beside';
const blockSize = 512;
const blocks = 2_048;
const programs = 6;
const steps = 40;
/** In which hosts of a target in memory are notified. */
const heardMs = 100;
const hosts = [1, 2, 3].map((i) => ({
  hostNqn: `nqn.2026-11.dev.spdk-nvme:host${i}`,
  hostId: `00000000-0000-4000-8000-00000000000${i}`,
}));
const types = Object.keys(reservationTypes) as ReservationType[];
const local = localTarget({
  port: '4488',
  subsystems: [
    { nqn, serial: 'BESIDE', disk: { kind: 'malloc', sizeMb: (blocks * blockSize) >> 20, blockSize } },
  ],
});

/** What a step did, in words that are the same at both targets. */
async function outcome(step: Promise<unknown>): Promise<string> {
  return step.then(
    (value) => `ok ${value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : ''}`,
    ({ code, message, nvmeStatus }: SpdkError) =>
      `${code} ${nvmeStatus ? `${nvmeStatus.sct}/${nvmeStatus.sc}` : ''} ${message}`,
  );
}

/** Three hosts at one namespace, and what they were notified of. */
interface Bench {
  readonly namespaces: readonly Namespace[];
  readonly heard: readonly string[][];
}

async function attachHosts(env: Environment, id: string): Promise<Bench> {
  const controllers = await Promise.all(hosts.map((host) => env.attach(id, host)));
  const heard = controllers.map((controller) => {
    const kinds: string[] = [];
    controller.on('reservation', ({ kind, nsid }) => kinds.push(`${kind} of ${nsid}`));
    return kinds;
  });
  return { namespaces: controllers.map(({ namespaces }) => namespaces[0] as Namespace), heard };
}

/** One step of one host, and its words. */
function drawStep(
  random: Random,
  ns: Namespace,
  host: number,
  reserved: boolean,
): [string, () => Promise<unknown>] {
  // No two hosts have the same: of those SPDK v20.07 preempts only one.
  const own = [2n, 3n].map((one) => BigInt(10 * host) + one);
  const [key, fresh] = [random.pick(own), random.pick(own)];
  const victim = BigInt(10 * ((host + 1) % hosts.length) + 2);
  const type = random.pick(types);
  const { reservations } = ns;
  const offset = random.below(4) * blockSize;
  const text = random.pick(['a', 'b', 'c']);
  const [data, other] = [Buffer.alloc(blockSize, text), Buffer.alloc(blockSize, 'd')];
  return random.pick<[string, () => Promise<unknown>]>([
    [`register ${key}`, () => reservations.register(key)],
    [`replace ${key} by ${fresh}`, () => reservations.replaceKey(key, fresh)],
    [`unregister ${key}`, () => reservations.unregister(key)],
    [`acquire ${key} ${type}`, () => reservations.acquire(key, type)],
    [`acquire ${key} ${type}`, () => reservations.acquire(key, type)],
    // SPDK v20.07 notifies nobody of a preempted registration if there is no reservation.
    reserved
      ? [`preempt ${victim} by ${key} ${type}`, () => reservations.acquire(key, type, { preempt: victim })]
      : [`register ${key}`, () => reservations.register(key)],
    [`release ${key} ${type}`, () => reservations.release(key, type)],
    [`clear ${key}`, () => reservations.clear(key)],
    [`write ${text} at ${offset}`, () => ns.write(data, { offset })],
    [`read ${offset}`, () => ns.read(Buffer.alloc(blockSize), { offset })],
    [`compare with ${text} and write at ${offset}`, () => ns.compareAndWrite(data, other, { offset })],
    [`zeroes at ${offset}`, () => ns.writeZeroes({ offset, length: blockSize })],
    ['flush', () => ns.flush()],
  ]);
}

async function runProgram({ namespaces }: Bench, seed: number): Promise<string[]> {
  const random = new Random(seed);
  const [first] = namespaces as [Namespace];
  const lines: string[] = [];
  let reserved = false;
  await first.writeZeroes({ offset: 0, length: 4 * blockSize });
  for (let i = 0; i < steps; i++) {
    const host = random.below(namespaces.length);
    const [words, step] = drawStep(random, namespaces[host] as Namespace, host, reserved);
    lines.push(`${i}: host ${host}: ${words}: ${await outcome(step())}`);
    const { type, registrants } = await first.reservations.report();
    reserved = type !== undefined;
    // SPDK v20.07 names one holder where all registrants are.
    const named = !type?.endsWith('all-registrants');
    const known = registrants.map(
      ({ hostId, key, holder }) => `${hostId.at(-1)}:${key}${named && holder ? ' holds it' : ''}`,
    );
    lines.push(`${i}: ${type ?? 'no reservation'}: ${known.sort().join(', ')}`);
  }
  return lines;
}

async function inMemory(seed: number): Promise<{ lines: string[]; heard: readonly string[][] }> {
  const simulation = simulate();
  try {
    const target = simulation.addTarget();
    const subsystem = target.addSubsystem(nqn);
    subsystem.addNamespace(1, { blocks, blockSize });
    await using env = await Environment.init();
    const bench = await attachHosts(env, subsystem.id);
    const lines = await runProgram(bench, seed);
    await setTimeout(heardMs);
    return { lines, heard: bench.heard };
  } finally {
    simulation.restore();
  }
}

/** Ends all registrations, with the key of this host if it has one. */
async function clear({ controller: { hostId }, reservations }: Namespace): Promise<void> {
  const { registrants } = await reservations.report();
  const key = registrants.find((one) => one.hostId === hostId)?.key ?? 1n;
  await reservations.register(key);
  await reservations.clear(key);
}

it('the same steps have the same outcomes', async () => {
  for (let i = 0; i < programs; i++) {
    const seed = Math.floor(Math.random() * 2 ** 31);
    const wanted = await inMemory(seed);
    const bench = await attachHosts(local.env, local.id(nqn));
    const lines = await runProgram(bench, seed);
    expect(wanted.lines, `seed ${seed}`).toEqual(lines);
    await eventually(limits.response, () => String(bench.heard) === String(wanted.heard));
    expect(wanted.heard, `seed ${seed}`).toEqual(bench.heard);
    await clear(bench.namespaces[0] as Namespace);
    await Promise.all(bench.namespaces.map(({ controller }) => controller.detach()));
  }
});
