import { setTimeout as sleep } from 'node:timers/promises';
import type { Controller, Environment } from 'spdk-nvme';
import type { Random } from '../testing/random.js';
import type { Findings } from './findings.js';
import type { Ledger } from './ledger.js';
import { attachOptions, nextStep } from './plan.js';
import { SlotIo, watchdogMs } from './slot-io.js';
import { transportIdOf } from './targets.js';

const resetTimeoutMs = 5_000;
/** Ample for an emulated processor that others share; what takes longer is held to hang. */
const detachTimeoutMs = 10_000;

/** One user of one subsystem: attaches, works, detaches, and again, until it is stopped. */
export class Client {
  readonly #index: number;
  readonly #environment: Environment;
  readonly #random: Random;
  readonly #ledger: Ledger;
  readonly #findings: Findings;
  readonly #io: SlotIo;

  constructor(index: number, environment: Environment, random: Random, ledger: Ledger, findings: Findings) {
    this.#index = index;
    this.#environment = environment;
    this.#random = random;
    this.#ledger = ledger;
    this.#findings = findings;
    this.#io = new SlotIo(index, environment, random, ledger, findings);
  }

  /** Works until the signal fires, or until a detach did not come back. */
  async work(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const controller = await this.#attach();
      if (!controller) {
        await sleep(20 + this.#random.below(100));
        continue;
      }
      if (!(await this.#use(controller, signal))) return;
    }
  }

  async #attach(): Promise<Controller | undefined> {
    const options = attachOptions(this.#random);
    const abort = this.#random.below(10) === 0 ? AbortSignal.timeout(this.#random.below(200)) : undefined;
    const attach = this.#environment.attach(transportIdOf(this.#index), { ...options, signal: abort });
    const outcome = await this.#findings.watch('attach', (options.timeoutMs ?? 0) + watchdogMs, attach);
    return outcome?.value;
  }

  /** A controller's life. False when it is wedged. */
  async #use(controller: Controller, signal: AbortSignal): Promise<boolean> {
    const pending: Promise<void>[] = [];
    for (
      let step = nextStep(this.#random);
      step !== 'detach' && !signal.aborted;
      step = nextStep(this.#random)
    ) {
      if (step === 'io') pending.push(...this.#io.start(() => controller.namespaces[0]));
      if (step === 'pause') await sleep(this.#random.below(200));
      if (step === 'reset') await this.#reset(controller);
      // Otherwise the next step comes on top of what is under way.
      if (this.#random.below(3) > 0) await Promise.all(pending.splice(0));
    }
    const drainMs = this.#random.pick([0, 100, 1_000]);
    const detach = controller.detach({ drainMs, timeoutMs: detachTimeoutMs });
    const detached = await this.#findings.watch('detach', detachTimeoutMs + watchdogMs, detach);
    await Promise.all(pending);
    if (!detached) return false;
    this.#ledger.detached();
    this.#findings.cycle();
    return true;
  }

  async #reset(controller: Controller): Promise<void> {
    const reset = controller.reset({ timeoutMs: resetTimeoutMs });
    await this.#findings.watch('reset', resetTimeoutMs + watchdogMs, reset);
  }
}
