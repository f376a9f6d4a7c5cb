// Paths that are up, and whose controllers fail every command, each with one status: no operation is sent indefinitely, and
// one bad path is no reason to fail while there is a good one.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Environment, type SpdkError, type SubsystemNamespace, type SubsystemPath } from '../../lib/index.js';
import {
  type MemoryNamespace,
  type MemorySubsystem,
  type MemoryTarget,
  type Simulation,
  simulate,
} from '../../lib/testing/index.js';

const blockSize = 512;
/** Longer than all attempts and the pauses between them, and than the attaches of all pairs at once. */
const timeoutMs = 10_000;
const always = 1e6;
const getLogPage = 0x02;

interface Status {
  readonly name: string;
  readonly sct: number;
  readonly sc: number;
  readonly crd?: number;
}

const ofThePath: readonly Status[] = [
  { name: 'Internal Path Error', sct: 3, sc: 0x00 },
  { name: 'ANA Persistent Loss', sct: 3, sc: 0x01 },
  { name: 'ANA Inaccessible', sct: 3, sc: 0x02 },
  { name: 'ANA Transition', sct: 3, sc: 0x03 },
  { name: 'Controller Pathing Error', sct: 3, sc: 0x60 },
  { name: 'Host Pathing Error', sct: 3, sc: 0x70 },
  { name: 'Command Aborted by Host', sct: 3, sc: 0x71 },
  { name: 'a pathing error of a vendor', sct: 3, sc: 0xff },
  { name: 'Command Abort Requested', sct: 0, sc: 0x07 },
  { name: 'Command Aborted due to SQ Deletion', sct: 0, sc: 0x08 },
  { name: 'Namespace Not Ready', sct: 0, sc: 0x82 },
  { name: 'Transient Transport Error', sct: 0, sc: 0x22 },
];
const ofTheCommand: readonly Status[] = [
  { name: 'Internal Error', sct: 0, sc: 0x06 },
  { name: 'Command Interrupted', sct: 0, sc: 0x21 },
  { name: 'a command-specific status', sct: 1, sc: 0x80 },
  { name: 'Unrecovered Read Error', sct: 2, sc: 0x81 },
  { name: 'a status of a vendor', sct: 7, sc: 0x01 },
];
const settings = (['active-passive', 'active-active'] as const).flatMap((policy) =>
  [true, false].map((reportsAna) => ({ policy, reportsAna })),
);

let simulation: Simulation;
let env: Environment;

beforeEach(async () => {
  simulation = simulate();
  env = await Environment.init();
});
afterEach(async () => {
  await env.close();
  expect(simulation.misuse).toEqual([]);
  simulation.restore();
});

interface Pair {
  readonly disk: MemoryNamespace;
  readonly namespace: SubsystemNamespace;
  /** Of the path that is in use, and of the other one. */
  readonly targets: readonly [MemoryTarget, MemoryTarget];
  readonly other: { readonly path: SubsystemPath; readonly subsystem: MemorySubsystem };
  readonly sides: readonly MemorySubsystem[];
}

/** Two targets of their own, each with a path to one disk. */
async function attachPair(
  number: number,
  { policy, reportsAna }: (typeof settings)[number],
  transitionMs = 10_000,
): Promise<Pair> {
  const targets = [1, 2].map((network) => simulation.addTarget({ traddr: `192.0.${network}.${number + 1}` }));
  const sides = targets.map((target) => target.addSubsystem(`nqn.2026-01.com.example:pair${number}`));
  const [first, second] = sides as [MemorySubsystem, MemorySubsystem];
  const disk = first.addNamespace(1, { blocks: 64 });
  second.shareNamespace(disk);
  for (const side of sides) {
    side.reportsAna = reportsAna;
    side.commandRetryDelays = [1, 1, 1];
    side.anaTransitionSeconds = transitionMs / 1_000;
  }
  const ids = sides.map(({ id }) => id);
  const subsystem = await env.attachSubsystem(ids, { policy, timeoutMs });
  await expect.poll(() => subsystem.paths.map(({ state }) => state), { interval: 2 }).toEqual(['up', 'up']);
  const namespace = subsystem.namespaces[0] as SubsystemNamespace;
  const used = subsystem.paths.indexOf(subsystem.pathsOf(namespace)[0] as SubsystemPath);
  const at = [used, 1 - used].map((index) => targets[index]) as [MemoryTarget, MemoryTarget];
  const other = {
    path: subsystem.paths[1 - used] as SubsystemPath,
    subsystem: sides[1 - used] as MemorySubsystem,
  };
  return { disk, namespace, targets: at, other, sides };
}

/** Writes several times; what the disk has then, or the status of the first write that failed. */
async function write({ namespace, disk }: Pair): Promise<unknown> {
  try {
    for (let i = 1; i <= 4; i++) await namespace.write(Buffer.alloc(blockSize, i), { offset: 0, timeoutMs });
    return disk.data[0];
  } catch (error) {
    const { code, nvmeStatus } = error as SpdkError;
    return nvmeStatus ? `status ${nvmeStatus.sct}/${nvmeStatus.sc}` : code;
  }
}

/** Runs a function for all statuses at the same time, each with its own targets. Returns the outcomes by the names of the statuses. */
async function withEach<Outcome>(
  statuses: readonly Status[],
  setting: (typeof settings)[number],
  act: (pair: Pair, failure: Omit<Status, 'name'> & { count: number }) => Promise<Outcome>,
): Promise<Record<string, Outcome>> {
  const outcomes = statuses.map(async ({ name, ...status }, number) => {
    const pair = await attachPair(number, setting);
    return [name, await act(pair, { ...status, count: always })] as const;
  });
  return Object.fromEntries(await Promise.all(outcomes));
}

describe.each(settings)('paths that are up ($policy, ANA reported: $reportsAna)', (setting) => {
  it('end an operation that both fail, whatever the status', async () => {
    const all = [...ofThePath, ...ofTheCommand].flatMap((status) =>
      [0, 1].map((crd) => ({ ...status, name: `${status.name}, CRD ${crd}`, crd })),
    );
    const outcomes = await withEach(all, setting, async (pair, failure) => {
      for (const target of pair.targets) target.failCommands(failure);
      return write(pair);
    });
    expect(outcomes).toEqual(
      Object.fromEntries(all.map(({ name, sct, sc }) => [name, `status ${sct}/${sc}`])),
    );
  });

  it('carry it out when only one fails it for a reason of the path', async () => {
    const outcomes = await withEach(ofThePath, setting, async (pair, failure) => {
      pair.targets[0].failCommands(failure);
      return write(pair);
    });
    expect(outcomes).toEqual(Object.fromEntries(ofThePath.map(({ name }) => [name, 4])));
  });
});

it('operations wait for an ANA log that cannot be read any more no longer than a transition may take', async () => {
  const transitionMs = 1_000;
  const pair = await attachPair(0, { policy: 'active-passive', reportsAna: true }, transitionMs);
  for (const side of pair.sides) {
    const admin = side.admin.bind(side);
    const internalError = 0x06;
    side.admin = (question, from) => {
      const result = admin(question, from);
      return question.opcode === getLogPage ? { ...result, status: internalError } : result;
    };
  }
  for (const target of pair.targets) target.failCommands({ sct: 3, sc: 2, count: always });
  const begun = performance.now();
  expect(await write(pair)).toBe('ERR_SPDK_NO_PATH');
  expect(performance.now() - begun).toBeGreaterThan(transitionMs / 2);
});

it('a path that costs more carries out what the better one fails', async () => {
  const pair = await attachPair(0, { policy: 'active-passive', reportsAna: true });
  pair.other.subsystem.setAna(1, 'non-optimized');
  await expect.poll(() => pair.other.path.ana(1), { interval: 2 }).toBe('non-optimized');
  pair.targets[0].failCommands({ sct: 3, sc: 0, count: always });
  expect(await write(pair)).toBe(4);
});
