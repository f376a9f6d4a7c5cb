// What the clients of all workloads do: attach, work, detach, and again.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Controller, Environment } from 'spdk-nvme';
import type { Random } from '../testing/random.js';
import type { Findings } from './findings.js';
import type { Ledger } from './ledger.js';
import { PartIo, watchdogMs } from './part-io.js';

const resetTimeoutMs = 5_000;
/** Enough for an emulated processor that is shared with others; what takes longer counts as a hang. */
export const detachTimeoutMs = 10_000;

/** What a client works with; the number is that of its subsystem and of its area of the disk. */
export type ClientContext = readonly [
  index: number,
  environment: Environment,
  random: Random,
  ledger: Ledger,
  findings: Findings,
];

/** A controller or a subsystem. */
interface Attached {
  detach(options: { readonly drainMs: number; readonly timeoutMs: number }): Promise<unknown>;
}

/** One user of one subsystem, until it is stopped. */
export abstract class LoopingClient<Target extends Attached, Step extends string> {
  protected readonly environment: Environment;
  protected readonly random: Random;
  protected readonly findings: Findings;
  protected readonly io: PartIo;
  readonly #ledger: Ledger;

  constructor(...[index, environment, random, ledger, findings]: ClientContext) {
    this.environment = environment;
    this.random = random;
    this.findings = findings;
    this.io = new PartIo(index, environment, random, ledger, findings);
    this.#ledger = ledger;
  }

  /** Attaches; undefined when the attach failed. */
  protected abstract attach(): Promise<Target | undefined>;
  protected abstract nextStep(): Step | 'pause' | 'detach';
  /** Takes a step. Operations that may overlap the next step are added to `pending`. */
  protected abstract take(step: Step, target: Target, pending: Promise<unknown>[]): Promise<void> | void;
  /** Called when a detach begins. */
  protected detaching(): void {}

  /** Works until the signal fires, or until a detach has hung. */
  async work(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const target = await this.attach();
      if (!target) await sleep(20 + this.random.below(100));
      else if (!(await this.#use(target, signal))) return;
    }
  }

  /** Works with a target until its detach. False when it is wedged. */
  async #use(target: Target, signal: AbortSignal): Promise<boolean> {
    const pending: Promise<unknown>[] = [];
    for (let step = this.nextStep(); step !== 'detach' && !signal.aborted; step = this.nextStep()) {
      if (step === 'pause') await sleep(this.random.below(200));
      else await this.take(step as Step, target, pending);
      // Otherwise the next step is taken while these are outstanding.
      if (this.random.below(3) > 0) await Promise.all(pending.splice(0));
    }
    this.detaching();
    const drainMs = this.random.pick([0, 100, 1_000]);
    const detach = target.detach({ drainMs, timeoutMs: detachTimeoutMs });
    const detached = await this.findings.watch('detach', detachTimeoutMs + watchdogMs, detach);
    await Promise.all(pending);
    if (!detached) return false;
    this.#ledger.detached();
    this.findings.cycle();
    return true;
  }

  /** A signal that fires soon, for one attach in ten. */
  protected abortSoon(): AbortSignal | undefined {
    return this.random.below(10) === 0 ? AbortSignal.timeout(this.random.below(200)) : undefined;
  }

  protected async reset(controller: Controller): Promise<void> {
    const reset = controller.reset({ timeoutMs: resetTimeoutMs });
    await this.findings.watch('reset', resetTimeoutMs + watchdogMs, reset);
  }
}
