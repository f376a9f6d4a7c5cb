// The controllers of one environment, from the call that attaches them to the end of their detach.

import { type IdentifiedOptions, startAttach } from './attaching.js';
import { Controller, type ControllerServices } from './controller.js';
import type { LogRelay } from './diagnostics/log.js';
import { type NativeFailure, SpdkError } from './errors/spdk-error.js';
import type { PendingCall } from './internal/pending-call.js';
import type { NativeController, NativeEnvironment } from './native/contract.js';
import type { TransportId } from './options/transport-id.js';

/** The events that an environment emits for its controllers. */
export interface ControllerReports {
  attached(controller: Controller): void;
  detached(controller: Controller): void;
  failed(controller: Controller, error: SpdkError): void;
}

/** What to connect to. */
export interface ConnectRequest {
  /** For messages, as in 'Attaching nqn.2016-06.io.spdk:cnode1'. */
  readonly what: string;
  readonly transportId: TransportId;
  readonly resolved: IdentifiedOptions;
  /** A connection to a discovery service, for one question or for a watch. It is not announced. */
  readonly discovery: boolean;
}

/** Connects controllers and keeps those that are attached, resetting, failed or being detached. */
export class EnvironmentControllers {
  readonly #native: NativeEnvironment;
  readonly #log: LogRelay<Controller>;
  readonly #services: ControllerServices;
  readonly #reports: ControllerReports;
  readonly #announced = new Set<Controller>();
  readonly #discovering = new Set<Controller>();
  readonly #forget = new Map<Controller, () => void>();
  readonly #attaching = new Set<PendingCall<Controller>>();

  constructor(
    native: NativeEnvironment,
    log: LogRelay<Controller>,
    memory: Pick<ControllerServices, 'memory' | 'bounce'>,
    reports: ControllerReports,
  ) {
    this.#native = native;
    this.#log = log;
    this.#services = { ...memory, detached: (controller) => this.#dismiss(controller) };
    this.#reports = reports;
  }

  /** The controllers that were announced. */
  get list(): readonly Controller[] {
    return [...this.#announced];
  }

  get discoveryConnections(): number {
    return this.#discovering.size;
  }

  /** Settles as `env.attach()` does, without its messages. */
  async connect(request: ConnectRequest): Promise<Controller> {
    const call = startAttach(this.#native, {
      ...request,
      adopt: (attached) => this.#adopt(attached, request),
      failed: (controller, failure) => this.#onFailed(controller, failure),
    });
    this.#attaching.add(call);
    try {
      return await call.promise;
    } finally {
      this.#attaching.delete(call);
    }
  }

  /** Cancels all attaches with this error, and detaches all controllers. */
  end(error: SpdkError, timeoutMs: number): Promise<PromiseSettledResult<unknown>[]> {
    for (const call of this.#attaching) call.cancel(error);
    const all = [...this.#announced, ...this.#discovering];
    return Promise.allSettled(all.map((controller) => controller.detach({ timeoutMs })));
  }

  #adopt(native: NativeController, { transportId, resolved, discovery }: ConnectRequest): Controller {
    const settings = {
      transportId,
      host: { nqn: resolved.hostNqn, id: resolved.hostId },
      polling: resolved.polling,
      maxWaiting: resolved.maxWaiting,
      ioTimeoutMs: resolved.ioTimeoutMs,
      onTimeout: resolved.onTimeout,
    };
    const id = native.id();
    const controller = Controller.create(native, settings, this.#services);
    // From here on nothing throws, so that every controller that was created is adopted.
    this.#forget.set(controller, this.#log.introduce(id, controller));
    if (discovery) this.#discovering.add(controller);
    else {
      this.#announced.add(controller);
      controller.events.announce(() => this.#reports.attached(controller));
    }
    controller.events.release();
    return controller;
  }

  #dismiss(controller: Controller): void {
    const announced = this.#announced.delete(controller);
    this.#discovering.delete(controller);
    this.#forget.get(controller)?.();
    this.#forget.delete(controller);
    if (announced) controller.events.announce(() => this.#reports.detached(controller));
  }

  #onFailed(controller: Controller, failure: NativeFailure): void {
    const error = SpdkError.fromNative(failure);
    controller.onFailed(error);
    if (!this.#announced.has(controller)) return;
    controller.events.announce(() => this.#reports.failed(controller, error));
  }
}
