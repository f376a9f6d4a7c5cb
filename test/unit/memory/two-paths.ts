// For a file of tests on several paths: an environment, and two targets in memory, each with a path to one disk.

import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect } from 'vitest';
import {
  Environment,
  type SpdkError,
  type Subsystem,
  type SubsystemNamespace,
  type SubsystemOptions,
  type SubsystemPath,
} from '../../../lib/index.js';
import {
  type MemoryNamespace,
  type MemorySubsystem,
  type MemoryTarget,
  type Simulation,
  simulate,
} from '../../../lib/testing/index.js';

const nqn = 'nqn.2026-01.com.example:shared';
const blockSize = 512;

export interface TwoPaths {
  readonly simulation: Simulation;
  readonly targets: readonly [MemoryTarget, MemoryTarget];
  readonly sides: readonly [MemorySubsystem, MemorySubsystem];
  readonly ids: readonly [string, string];
  /** Namespace 1, of 64 blocks. */
  readonly disk: MemoryNamespace;
  readonly env: Environment;
}

/** Opens them afresh before each test of the file, and closes them after each. The members are those of the present test. */
export function twoPaths(): TwoPaths {
  const paths = {} as { -readonly [Key in keyof TwoPaths]: TwoPaths[Key] };
  beforeEach(async () => {
    const simulation = simulate();
    const target = (traddr: string) => simulation.addTarget({ traddr });
    const targets = [target('192.0.2.1'), target('192.0.2.2')] as const;
    const sides = [targets[0].addSubsystem(nqn), targets[1].addSubsystem(nqn)] as const;
    const disk = sides[0].addNamespace(1, { blocks: 64 });
    sides[1].shareNamespace(disk);
    const env = await Environment.init();
    Object.assign(paths, { simulation, targets, sides, disk, env, ids: [sides[0].id, sides[1].id] });
  });
  afterEach(async () => {
    for (const target of paths.targets) target.silent = false;
    await paths.env.close();
    expect(paths.simulation.misuse).toEqual([]);
    paths.simulation.restore();
  });
  return paths;
}

export const only = ({ namespaces }: Subsystem) => namespaces[0] as SubsystemNamespace;
export const pathAt = ({ paths }: Subsystem, i: number) => paths[i] as SubsystemPath;
export const block = (value: number) => Buffer.alloc(blockSize, value);

export async function until(condition: () => boolean, limitMs = 15_000): Promise<void> {
  for (const end = performance.now() + limitMs; !condition(); await sleep(2)) {
    if (performance.now() > end) throw new Error('it did not come to that');
  }
}

/** Attaches both paths, and waits until they are up. */
export async function attachBoth({ env, ids }: TwoPaths, options: SubsystemOptions = {}): Promise<Subsystem> {
  const subsystem = await env.attachSubsystem(ids, { reconnectDelayMs: 20, ...options });
  await until(() => subsystem.paths.every(({ state }) => state === 'up'));
  return subsystem;
}

/** 'ok', or the code of the error. */
export function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'ok',
    ({ code }: SpdkError) => code,
  );
}

/** The target is gone: its links break, and no connect succeeds. */
export function takeDown(target: MemoryTarget): void {
  target.rejection = { code: 'ERR_SPDK_UNREACHABLE', message: 'nothing there' };
  target.dropLinks();
}
