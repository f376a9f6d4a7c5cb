import type { Subsystem } from 'spdk-nvme';
import { type ClientContext, detachTimeoutMs, LoopingClient } from './looping-client.js';
import { watchdogMs } from './part-io.js';
import { nextPathStep, type PathStep, subsystemOptions } from './path-plan.js';
import type { PathTarget } from './path-target.js';
import { isExpected } from './plan.js';

/** Codes with which operations may only end while there is no path. */
const pathlessCodes = ['ERR_SPDK_NO_PATH', 'ERR_SPDK_TIMEOUT', 'ERR_SPDK_NAMESPACE_GONE'];
const stoppingCodes = ['ERR_SPDK_DETACHING', 'ERR_SPDK_CONTROLLER_DETACHED'];
/** How long a time without a path still explains errors: an operation may have begun during it. */
const memoryMs = 10_000;

/** One user of one subsystem over two ports, which also adds and removes paths. */
export class PathClient extends LoopingClient<Subsystem, PathStep> {
  readonly #target: PathTarget;
  readonly #ids: readonly string[];
  #pathlessAt = Number.NEGATIVE_INFINITY;
  #detaching = false;

  constructor(target: PathTarget, ...context: ClientContext) {
    super(...context);
    this.#target = target;
    this.#ids = target.ids(context[0]);
  }

  protected async attach(): Promise<Subsystem | undefined> {
    const options = subsystemOptions(this.random);
    const attach = this.environment.attachSubsystem(this.#ids, { ...options, signal: this.abortSoon() });
    const outcome = await this.findings.watch(
      'attach',
      (options.timeoutMs ?? 0) + 2 * watchdogMs,
      attach,
      (code) => isExpected(code) || code === 'ERR_SPDK_NO_PATH',
    );
    this.#detaching = false;
    this.#pathlessAt = Number.NEGATIVE_INFINITY;
    outcome?.value.on('noPath', () => {
      this.#pathlessAt = performance.now();
    });
    return outcome?.value;
  }

  protected nextStep(): PathStep {
    return nextPathStep(this.random);
  }

  protected take(step: PathStep, subsystem: Subsystem, pending: Promise<unknown>[]): void {
    const expects = (code: string, begun: number) => this.#expects(subsystem, code, begun);
    if (step === 'io') pending.push(...this.io.start(() => subsystem.namespaces[0], expects));
    if (step === 'remove') pending.push(this.#remove(subsystem));
    if (step === 'add') this.#add(subsystem);
    if (step === 'prefer' && subsystem.policy === 'active-passive') {
      subsystem.prefer(subsystem.paths[this.random.below(2)]);
    }
    if (step === 'reset') {
      const controller = subsystem.paths[this.random.below(2)]?.controller;
      if (controller) {
        this.#target.endsConnections();
        pending.push(this.reset(controller));
      }
    }
  }

  protected override detaching(): void {
    this.#detaching = true;
    this.#target.endsConnections();
  }

  /** Whether an error is expected. While a path is usable, an operation fails only by its signal. */
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
    // The other path may be lost at any moment, too; then operations have no path.
    if (up.length < 2) return;
    const path = this.random.pick(up);
    this.#target.endsConnections();
    const removal = subsystem.removePath(path, {
      drainMs: this.random.pick([0, 50]),
      timeoutMs: detachTimeoutMs,
    });
    await this.findings.watch('detach', detachTimeoutMs + watchdogMs, removal, (code) =>
      [...stoppingCodes, 'ERR_SPDK_INVALID_ARG_VALUE'].includes(code),
    );
  }

  #add(subsystem: Subsystem): void {
    for (const id of this.#ids) {
      try {
        subsystem.addPath(id);
        return;
      } catch (error) {
        // The path is there already.
        if ((error as NodeJS.ErrnoException).code !== 'ERR_SPDK_CONFLICTING_OPTIONS') throw error;
      }
    }
  }
}
