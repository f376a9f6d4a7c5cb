import { type AttachOptions, type Controller, Environment } from '../../../lib/index.js';
import { useAddon } from '../../../lib/native/addon.js';
import { MemoryAddon } from '../../../lib/testing/addon.js';
import type { MemorySubsystem } from '../../../lib/testing/subsystem.js';
import type { MemoryTarget } from '../../../lib/testing/target.js';

/** An environment on the addon in memory, with one target. */
export interface Fixture {
  readonly addon: MemoryAddon;
  readonly target: MemoryTarget;
  readonly env: Environment;
  /** Makes a subsystem of this name with one namespace of 64 blocks, whose id is 1. */
  disk(name: string): MemorySubsystem;
  attach(name: string, options?: AttachOptions): Promise<Controller>;
}

/** The transport id of a subsystem that a fixture's target has. */
export function memoryId(name: string): string {
  return `trtype:TCP adrfam:IPv4 traddr:127.0.0.1 trsvcid:4420 subnqn:${nqn(name)}`;
}

export async function makeFixture(): Promise<Fixture> {
  const addon = new MemoryAddon();
  useAddon(addon);
  const target = addon.addTarget();
  const env = await Environment.init({ pollers: 2 });
  return {
    addon,
    target,
    env,
    disk: (name) => {
      const subsystem = target.addSubsystem(nqn(name));
      subsystem.addNamespace(1, { blocks: 64 });
      return subsystem;
    },
    attach: (name, options) => env.attach(memoryId(name), options),
  };
}

function nqn(name: string): string {
  return `nqn.2026-01.io.spdk:${name}`;
}
