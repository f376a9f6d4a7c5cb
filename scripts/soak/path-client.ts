import { setTimeout as sleep } from 'node:timers/promises';
import type { Environment, Subsystem } from 'spdk-nvme';
import type { Random } from '../testing/random.js';
import type { Findings } from './findings.js';
import type { Ledger } from './ledger.js';
import { nextPathStep, subsystemOptions } from './path-plan.js';
import type { PathTarget } from './path-target.js';
import { isExpected } from './plan.js';
import { SlotIo, watchdogMs } from './slot-io.js';

const resetTimeoutMs = 5_000;
const detachTimeoutMs = 10_000;
/** Codes that operations may only end with while there is no path. */
const pathlessCodes = ['ERR_SPDK_NO_PATH', 'ERR_SPDK_TIMEOUT', 'ERR_SPDK_NAMESPACE_GONE'];
const stoppingCodes = ['ERR_SPDK_DETACHING', 'ERR_SPDK_CONTROLLER_DETACHED'];
/** An operation that began before was without a path for a part of its time. */
const memoryMs = 10_000;

/** One user of one subsystem over two ports: attaches, works, adds and removes paths, detaches, and again. */
export class PathClient {
  readonly #ids: readonly string[];
  readonly #environment: Environment;
  readonly #random: Random;
  readonly #ledger: Ledger;
  readonly #findings: Findings;
  readonly #io: SlotIo;
  #pathlessAt = Number.NEGATIVE_INFINITY;
  #detaching = false;

  constructor(
    target: PathTarget,
    index: number,
    environment: Environment,
    random: Random,
    ledger: Ledger,
    findings: Findings,
  ) {
    this.#ids = target.ids(index);
    this.#environment = environment;
    this.#random = random;
    this.#ledger = ledger;
    this.#findings = findings;
    this.#io = new SlotIo(index, environment, random, ledger, findings);
  }

  /** Works until the signal fires, or until a detach did not come back. */
  async work(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const subsystem = await this.#attach();
      if (!subsystem) await sleep(20 + this.#random.below(100));
      else if (!(await this.#use(subsystem, signal))) return;
    }
  }

  async #attach(): Promise<Subsystem | undefined> {
    const options = subsystemOptions(this.#random);
    const abort = this.#random.below(10) === 0 ? AbortSignal.timeout(this.#random.below(200)) : undefined;
    const attach = this.#environment.attachSubsystem(this.#ids, { ...options, signal: abort });
    const outcome = await this.#findings.watch(
      'attach',
      (options.timeoutMs ?? 0) + 2 * watchdogMs,
      attach,
      (code) => isExpected(code) || code === 'ERR_SPDK_NO_PATH',
    );
    return outcome?.value;
  }

  /** A subsystem's life. False when it is wedged. */
  async #use(subsystem: Subsystem, signal: AbortSignal): Promise<boolean> {
    const pending: Promise<unknown>[] = [];
    this.#detaching = false;
    this.#pathlessAt = Number.NEGATIVE_INFINITY;
    subsystem.on('noPath', () => {
      this.#pathlessAt = performance.now();
    });
    const expects = (code: string, begun: number) => this.#expects(subsystem, code, begun);
    for (
      let step = nextPathStep(this.#random);
      step !== 'detach' && !signal.aborted;
      step = nextPathStep(this.#random)
    ) {
      if (step === 'io') pending.push(...this.#io.start(() => subsystem.namespaces[0], expects));
      if (step === 'pause') await sleep(this.#random.below(200));
      if (step === 'remove') pending.push(this.#remove(subsystem));
      if (step === 'add') this.#add(subsystem);
      if (step === 'prefer' && subsystem.policy === 'active-passive') {
        subsystem.prefer(subsystem.paths[this.#random.below(2)]);
      }
      if (step === 'reset') pending.push(this.#reset(subsystem));
      // Otherwise the next step comes on top of what is under way.
      if (this.#random.below(3) > 0) await Promise.all(pending.splice(0));
    }
    this.#detaching = true;
    const drainMs = this.#random.pick([0, 100, 1_000]);
    const detach = subsystem.detach({ drainMs, timeoutMs: detachTimeoutMs });
    const detached = await this.#findings.watch('detach', detachTimeoutMs + watchdogMs, detach);
    await Promise.all(pending);
    if (!detached) return false;
    this.#ledger.detached();
    this.#findings.cycle();
    return true;
  }

  /** While a path is usable no operation fails, but by its signal. */
  #expects(subsystem: Subsystem, code: string, begun: number): boolean {
    if (code === 'ERR_SPDK_ABORTED') return true;
    if (this.#detaching && stoppingCodes.includes(code)) return true;
    if (!pathlessCodes.includes(code)) return false;
    const [namespace] = subsystem.namespaces;
    if (!namespace || subsystem.pathsOf(namespace).length === 0) return true;
    return this.#pathlessAt > begun - memoryMs;
  }

  async #remove(subsystem: Subsystem): Promise<void> {
    const up = subsystem.paths.filter(({ state }) => state === 'up');
    // The other one may be lost at any moment, too: then operations are without a path.
    if (up.length < 2) return;
    const path = this.#random.pick(up);
    const removal = subsystem.removePath(path, {
      drainMs: this.#random.pick([0, 50]),
      timeoutMs: detachTimeoutMs,
    });
    await this.#findings.watch('detach', detachTimeoutMs + watchdogMs, removal, (code) =>
      [...stoppingCodes, 'ERR_SPDK_INVALID_ARG_VALUE'].includes(code),
    );
  }

  #add(subsystem: Subsystem): void {
    for (const id of this.#ids) {
      try {
        subsystem.addPath(id);
        return;
      } catch (error) {
        // It is there already.
        if ((error as NodeJS.ErrnoException).code !== 'ERR_SPDK_CONFLICTING_OPTIONS') throw error;
      }
    }
  }

  async #reset(subsystem: Subsystem): Promise<void> {
    const controller = subsystem.paths[this.#random.below(2)]?.controller;
    if (!controller) return;
    const reset = controller.reset({ timeoutMs: resetTimeoutMs });
    await this.#findings.watch('reset', resetTimeoutMs + watchdogMs, reset);
  }
}
