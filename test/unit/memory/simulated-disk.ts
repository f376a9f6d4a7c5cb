// For a file of tests on the public simulation: an environment, and one subsystem with one namespace.

import { afterEach, beforeEach, expect } from 'vitest';
import { Environment } from '../../../lib/index.js';
import {
  type MemorySubsystem,
  type MemoryTarget,
  type Simulation,
  simulate,
} from '../../../lib/testing/index.js';

export interface SimulatedDisk {
  readonly simulation: Simulation;
  readonly target: MemoryTarget;
  readonly subsystem: MemorySubsystem;
  readonly env: Environment;
}

/**
 * Opens a fresh one before each test of the file, and closes it after each. Its members are those of the present test.
 * @param blocks of the namespace, whose id is 1
 */
export function simulatedDisk(blocks = 64): SimulatedDisk {
  const disk = {} as { -readonly [Key in keyof SimulatedDisk]: SimulatedDisk[Key] };
  beforeEach(async () => {
    disk.simulation = simulate();
    disk.target = disk.simulation.addTarget();
    disk.subsystem = disk.target.addSubsystem('nqn.2026-11.dev.spdk-nvme:disk');
    disk.subsystem.addNamespace(1, { blocks });
    disk.env = await Environment.init();
  });
  afterEach(async () => {
    disk.target.silent = false;
    await disk.env.close();
    expect(disk.simulation.misuse).toEqual([]);
    disk.simulation.restore();
  });
  return disk;
}
