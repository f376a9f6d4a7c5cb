// For a file of tests: SPDK's own target on loopback, and an environment.

import os from 'node:os';
import { afterAll, beforeAll } from 'vitest';
import { Environment, type EnvironmentOptions } from '../../lib/index.js';
import { listenerId, type TargetListener, type TargetSubsystem } from '../../scripts/target/config.js';
import { ensureHugepages } from '../../scripts/target/hugepages.js';
import { type SpdkTarget, startSpdkTarget } from '../../scripts/target/spdk-target.js';

export interface LocalTargetOptions {
  readonly port: string;
  readonly subsystems: readonly TargetSubsystem[];
  /** The target's memory. */
  readonly memoryMb?: number;
  /** Options of the environment; the default of `memoryMb` is 128 here. */
  readonly environment?: EnvironmentOptions;
}

export interface LocalTarget {
  readonly listener: TargetListener;
  readonly target: SpdkTarget;
  readonly env: Environment;
  /** The transport id of a subsystem, at the target's port or at that of a proxy. */
  id(nqn: string, port?: string | number): string;
}

/** Starts both before the first test of the file, and ends them after the last. */
export function localTarget({
  port,
  subsystems,
  memoryMb,
  environment = {},
}: LocalTargetOptions): LocalTarget {
  const listener = { trtype: 'TCP', traddr: '127.0.0.1', trsvcid: port } as const;
  const local = {
    listener,
    id: (nqn: string, trsvcid: string | number = port) =>
      listenerId({ ...listener, trsvcid: String(trsvcid) }, nqn),
  } as { -readonly [Key in keyof LocalTarget]: LocalTarget[Key] };
  beforeAll(async () => {
    local.target = await startSpdkTarget({
      listener,
      core: os.availableParallelism() - 1,
      subsystems,
      memoryMb,
    });
    const { memoryMb: environmentMb = 128 } = environment;
    ensureHugepages(environmentMb);
    local.env = await Environment.init({ ...environment, memoryMb: environmentMb });
  });
  afterAll(async () => {
    await local.env?.close();
    await local.target?.stop('SIGKILL');
  });
  return local;
}
