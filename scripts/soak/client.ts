import type { Controller } from 'spdk-nvme';
import { type ClientContext, LoopingClient } from './looping-client.js';
import { watchdogMs } from './part-io.js';
import { attachOptions, nextStep, type Step } from './plan.js';
import { transportIdOf } from './targets.js';

/** One user of one subsystem over one path. */
export class Client extends LoopingClient<Controller, Step> {
  readonly #index: number;

  constructor(...context: ClientContext) {
    super(...context);
    [this.#index] = context;
  }

  protected async attach(): Promise<Controller | undefined> {
    const options = attachOptions(this.random);
    const attach = this.environment.attach(transportIdOf(this.#index), {
      ...options,
      signal: this.abortSoon(),
    });
    const outcome = await this.findings.watch('attach', (options.timeoutMs ?? 0) + watchdogMs, attach);
    return outcome?.value;
  }

  protected nextStep(): Step {
    return nextStep(this.random);
  }

  protected async take(step: Step, controller: Controller, pending: Promise<unknown>[]): Promise<void> {
    if (step === 'io') pending.push(...this.io.start(() => controller.namespaces[0]));
    if (step === 'reset') await this.reset(controller);
  }
}
