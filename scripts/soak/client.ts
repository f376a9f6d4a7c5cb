import { setTimeout as sleep } from 'node:timers/promises';
import type { Controller, Environment } from 'spdk-nvme';
import type { Random } from '../testing/random.js';
import type { Findings } from './findings.js';
import { type Ledger, slotBytes, slotsPerArea } from './ledger.js';
import { attachOptions, nextStep } from './plan.js';
import { transportIdOf } from './targets.js';

const ioTimeoutMs = 3_000;
const resetTimeoutMs = 5_000;
/** Ample for an emulated processor that others share; what takes longer is held to hang. */
const detachTimeoutMs = 10_000;
/** Calls settle by their deadline, whatever SPDK does; if one does not, the watchdog reports it. */
const watchdogMs = 5_000;
const mostAtOnce = 16;

/** One user of one subsystem: attaches, works, detaches, and again, until it is stopped. */
export class Client {
  readonly #index: number;
  readonly #environment: Environment;
  readonly #random: Random;
  readonly #ledger: Ledger;
  readonly #findings: Findings;

  constructor(index: number, environment: Environment, random: Random, ledger: Ledger, findings: Findings) {
    this.#index = index;
    this.#environment = environment;
    this.#random = random;
    this.#ledger = ledger;
    this.#findings = findings;
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
      if (step === 'io') pending.push(...this.#io(controller));
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

  #io(controller: Controller): Promise<void>[] {
    const operations: Promise<void>[] = [];
    for (let left = 1 + this.#random.below(mostAtOnce); left > 0; left--) {
      const slot = this.#ledger.take(this.#random.below(slotsPerArea));
      if (slot === undefined) break;
      operations.push(
        this.#random.below(2) === 0 ? this.#read(controller, slot) : this.#write(controller, slot),
      );
    }
    return operations;
  }

  #limits(slot: number) {
    const signal = this.#random.below(10) === 0 ? AbortSignal.timeout(this.#random.below(20)) : undefined;
    const offset = (this.#index * slotsPerArea + slot) * slotBytes;
    return { offset, timeoutMs: ioTimeoutMs, signal };
  }

  async #write(controller: Controller, slot: number): Promise<void> {
    const [namespace] = controller.namespaces;
    if (!namespace) return this.#ledger.give(slot);
    const { write, bytes } = this.#ledger.content(slot);
    const written = await this.#submit('write', () => namespace.write(bytes, this.#limits(slot)));
    if (written) this.#ledger.wrote(slot, write);
    else this.#ledger.mayHaveWritten(slot, write);
  }

  async #read(controller: Controller, slot: number): Promise<void> {
    const [namespace] = controller.namespaces;
    if (!namespace) return this.#ledger.give(slot);
    const dma = this.#random.below(2) === 0 ? this.#environment.allocate(slotBytes) : undefined;
    const buffer = dma ?? Buffer.alloc(slotBytes);
    if (await this.#submit('read', () => namespace.read(buffer, this.#limits(slot)))) {
      this.#findings.bytesVerified += slotBytes;
      const wrong = this.#ledger.check(slot, Buffer.from(buffer));
      if (wrong) this.#findings.mismatch(wrong);
    }
    dma?.release();
    this.#ledger.give(slot);
  }

  async #submit(name: 'read' | 'write', operation: () => Promise<unknown>): Promise<boolean> {
    const limitMs = ioTimeoutMs + watchdogMs;
    // Called in a function of its own: a rejected call may throw immediately.
    return (await this.#findings.watch(name, limitMs, (async () => operation())())) !== undefined;
  }
}
