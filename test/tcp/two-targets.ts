// For a file of tests: two of SPDK's own targets that export one file under one NQN, and an environment.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import { Environment, type Subsystem, type SubsystemNamespace } from '../../lib/index.js';
import { listenerId, type TargetListener, type TargetSubsystem } from '../../scripts/target/config.js';
import { ensureHugepages } from '../../scripts/target/hugepages.js';
import { type SpdkTarget, startSpdkTarget } from '../../scripts/target/spdk-target.js';
import { eventually } from '../integration/support/timing.js';

const sizeMb = 16;
const memoryMb = 128;
const stateMs = 20_000;

export interface TwoTargetsOptions {
  readonly nqn: string;
  /** One for each target. Default: two ports of 127.0.0.1. */
  readonly listeners?: readonly [TargetListener, TargetListener];
  /** The network namespace of the first target. Default: that of this process. */
  readonly firstIn?: string;
}

type AttachOptions = Parameters<Environment['attachSubsystem']>[1];

export interface TwoTargets {
  readonly ids: readonly [string, string];
  /** The file that both export. */
  readonly backing: string;
  readonly folder: string;
  /** Undefined while it does not run. */
  readonly targets: (SpdkTarget | undefined)[];
  readonly env: Environment;
  start(i: number, changes?: Partial<TargetSubsystem>): Promise<void>;
  stop(i: number, signal?: NodeJS.Signals): Promise<void>;
  /** Attaches the subsystem, and waits until both paths are up. */
  attach(options?: AttachOptions): Promise<Subsystem>;
}

const local = (trsvcid: string): TargetListener => ({ trtype: 'TCP', traddr: '127.0.0.1', trsvcid });

export const only = (subsystem: Subsystem) => subsystem.namespaces[0] as SubsystemNamespace;
export const isUp = (subsystem: Subsystem, i: number) => subsystem.paths[i]?.state === 'up';

export async function until(condition: () => boolean): Promise<void> {
  expect(await eventually(stateMs, condition)).toBe(true);
}

/** Starts them before the first test of the file, and before each test those that do not run; ends them after the last. */
export function twoTargets({
  nqn,
  listeners = [local('4471'), local('4472')],
  firstIn,
}: TwoTargetsOptions): TwoTargets {
  const targets: (SpdkTarget | undefined)[] = [undefined, undefined];
  const [first, second] = listeners;
  const ids: readonly [string, string] = [listenerId(first, nqn), listenerId(second, nqn)];
  const two = {
    ids,
    targets,
    start: async (i, changes = {}) => {
      targets[i] = await startSpdkTarget({
        listener: listeners[i] as TargetListener,
        core: os.availableParallelism() - 1,
        memoryMb,
        networkNamespace: i === 0 ? firstIn : undefined,
        subsystems: [
          { nqn, serial: 'PATHS', disk: { kind: 'file', path: two.backing, blockSize: 512 }, ...changes },
        ],
      });
    },
    stop: async (i, signal) => {
      const target = targets[i];
      targets[i] = undefined;
      await target?.stop(signal);
    },
    attach: async (options) => {
      const subsystem = await two.env.attachSubsystem(two.ids, { reconnectDelayMs: 100, ...options });
      await until(() => isUp(subsystem, 0) && isUp(subsystem, 1));
      return subsystem;
    },
  } as { -readonly [Key in keyof TwoTargets]: TwoTargets[Key] };
  beforeAll(async () => {
    two.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'spdk-nvme-paths-'));
    two.backing = path.join(two.folder, 'disk');
    fs.writeFileSync(two.backing, Buffer.alloc(sizeMb << 20));
    ensureHugepages(3 * memoryMb);
    two.env = await Environment.init({ pollers: 2, memoryMb });
  });
  beforeEach(async () => {
    for (const i of [0, 1]) if (!targets[i]) await two.start(i);
  });
  /** A test may leave a target frozen if it failed. */
  afterEach(() => {
    for (const target of targets) if (target) process.kill(target.pid, 'SIGCONT');
  });
  afterAll(async () => {
    await two.env?.close();
    for (const i of [0, 1]) await two.stop(i, 'SIGKILL');
    fs.rmSync(two.folder, { recursive: true });
  });
  return two;
}
