// What the suites over faults of a target need: one that can be killed, stopped and started again, and one beside it.

import { existsSync, readFileSync } from 'node:fs';
import os from 'node:os';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import { type AttachOptions, type Controller, Environment } from '../../../lib/index.js';
import { listenerId, type TargetListener, type TargetSubsystem } from '../../../scripts/target/config.js';
import { ensureHugepages } from '../../../scripts/target/hugepages.js';
import { type SpdkTarget, startSpdkTarget } from '../../../scripts/target/spdk-target.js';
import { limits } from '../support/limits.js';
import { Bystander } from '../support/load.js';
import { eventually, within } from '../support/timing.js';

/** The setting of a suite: its transport, and what runs beside it. */
export interface FaultEnvironment {
  readonly listener: TargetListener;
  /** The transport id of a subsystem at a target without a fault. */
  readonly other: () => Promise<{ id: string; stop: () => Promise<void> }>;
  /** Expects that detached controllers have left no resources on either side. */
  readonly expectNothingHeld: (limitMs?: number) => Promise<void>;
}

/** TCP_ESTABLISHED, as /proc/net/tcp has it. */
const established = '01';

export const memoryMb = 128;
/** The hugepages that two of SPDK’s own targets need. They start at the same time, and each would count the pages of the other as its own. */
export const twoTargetsMb = 1_024;
/** Enough subsystems for each moment of a sweep to have its own: a cancelled attach ends in the background. */
const subsystemCount = 12;

export type Disk = TargetSubsystem['disk'];

/** SPDK's own target at a listener, with some subsystems that are all alike. */
export class FaultyTarget {
  /** SPDK's strings for the subsystems. */
  readonly ids: readonly string[];
  readonly #listener: TargetListener;
  readonly #subsystems: readonly TargetSubsystem[];
  #target: SpdkTarget | undefined;

  constructor(
    listener: TargetListener,
    disk: Disk = { kind: 'null', sizeMb: 64, blockSize: 512 },
    subsystems: number = subsystemCount,
  ) {
    this.#listener = listener;
    this.#subsystems = Array.from({ length: subsystems }, (_, i) => ({
      nqn: `nqn.2026-11.dev.spdk-nvme:fault${i}`,
      serial: `FAULT${i}`,
      disk,
    }));
    this.ids = this.#subsystems.map(({ nqn }) => listenerId(listener, nqn));
  }

  get id(): string {
    return this.ids[0] as string;
  }

  get running(): boolean {
    return this.#target !== undefined;
  }

  async start(): Promise<void> {
    this.#target = await startSpdkTarget({
      listener: this.#listener,
      core: os.availableParallelism() - 1,
      memoryMb,
      // Little memory makes the start fast, and the target is started often.
      sharedBuffers: 511,
      subsystems: this.#subsystems,
    });
  }

  /** Kills it. @returns whether it had ended by a fault of its own before */
  async kill(): Promise<boolean> {
    const target = this.#target;
    this.#target = undefined;
    await target?.stop('SIGKILL');
    return (await target?.ended)?.crashed ?? false;
  }

  /** Stops the target's process; the kernel still acknowledges packets for it. */
  freeze(): void {
    if (this.#target) process.kill(this.#target.pid, 'SIGSTOP');
  }

  thaw(): void {
    if (this.#target) process.kill(this.#target.pid, 'SIGCONT');
  }
}

/**
 * Where a target meets a fault: the target, an environment with one poller, so that whatever makes it wait shows on every
 * controller, and a bystander, at a target that nothing happens to.
 */
export class FaultFixture {
  readonly target: FaultyTarget;
  env!: Environment;
  other!: { id: string; stop: () => Promise<void> };
  bystander!: Bystander;
  readonly #environment: FaultEnvironment;

  /** Sets itself up and clears itself away around the tests of the `describe()` that it is made in. */
  constructor(environment: FaultEnvironment) {
    this.#environment = environment;
    this.target = new FaultyTarget(environment.listener);
    beforeAll(() => this.#open());
    beforeEach(async () => {
      // A test that failed may have left it killed.
      if (!this.target.running) await this.target.start();
      await this.callBystander();
    });
    afterEach(async () => {
      this.target.thaw();
      await this.detachAll();
    });
    afterAll(() => this.#close());
  }

  async callBystander(): Promise<void> {
    this.bystander = new Bystander(await this.env.attach(this.other.id));
  }

  /** Attaches a controller of the target, which works. */
  attach(options: AttachOptions = {}): Promise<Controller> {
    return within(limits.attach, this.env.attach(this.target.id, { ioQueues: 4, ...options }));
  }

  async detachAll(): Promise<void> {
    await Promise.all(this.env.controllers.map((controller) => within(limits.detach, controller.detach())));
  }

  async #open(): Promise<void> {
    this.other = await this.#environment.other();
    ensureHugepages(memoryMb);
    this.env = await Environment.init({ pollers: 1, memoryMb });
    await this.target.start();
    // The first attach of a process loads libraries and touches all memory, which no test should have to time.
    await (await this.env.attach(this.target.id, { timeoutMs: 30_000 })).detach();
  }

  async #close(): Promise<void> {
    await this.env.close();
    await this.target.kill();
    await this.other.stop();
  }
}

/** The TCP connections to these ports, as seen from either end. */
export function tcpConnections(ports: readonly string[]): { initiators: number; targets: number } {
  const wanted = ports.map((port) => `:${Number(port).toString(16).toUpperCase().padStart(4, '0')}`);
  const count = { initiators: 0, targets: 0 };
  for (const file of ['/proc/net/tcp', '/proc/net/tcp6'].filter((file) => existsSync(file))) {
    for (const line of readFileSync(file, 'utf8').trim().split('\n').slice(1)) {
      const [, local = '', remote = '', state] = line.trim().split(/\s+/);
      if (state !== established) continue;
      if (wanted.some((port) => remote.endsWith(port))) count.initiators++;
      if (wanted.some((port) => local.endsWith(port))) count.targets++;
    }
  }
  return count;
}

/** Expects that no connection to these ports is left, on either side. */
export async function expectNoConnections(ports: readonly string[], limitMs = 3_000): Promise<void> {
  const none = { initiators: 0, targets: 0 };
  await eventually(limitMs, () => isDeepStrictEqual(tcpConnections(ports), none));
  expect(tcpConnections(ports)).toEqual(none);
}
