import { EventEmitter } from 'node:events';
import type { SpdkError, SpdkTypeError } from './errors.js';
import { Namespace } from './namespace.js';
import type { ControllerInfo, ControllerState, DetachReport, NativeController } from './native.js';
import { Operation } from './operation.js';
import { type DetachOptions, resolveDetachOptions } from './options.js';
import type { TransportId } from './transport-id.js';

/** One I/O queue pair of a controller. */
export interface QueuePair {
  /** Its place in `controller.queuePairs`. */
  readonly index: number;
  /** The index of the poller thread that serves it. */
  readonly poller: number;
}

/** The events of a {@link Controller} and what their listeners get. */
export interface ControllerEvents {
  /** The controller moved on to another state. */
  state: [state: ControllerState];
  /** The link or the target died. Nothing works any more but `detach()`. At most once. */
  failed: [error: SpdkError | SpdkTypeError];
  /** The controller is gone and everything it held is free again. */
  detached: [report: DetachReport];
}

/**
 * An attached NVMe controller. Made by `env.attach()`; its state lives in native code
 * (native/core/controller_state.h), and this object shows it.
 */
export class Controller extends EventEmitter<ControllerEvents> implements AsyncDisposable {
  readonly transportId: TransportId;
  /** What the controller said of itself when it was attached. Stays readable after a detach. */
  readonly info: ControllerInfo;
  readonly namespaces: readonly Namespace[];
  readonly queuePairs: readonly QueuePair[];
  readonly #native: NativeController;
  #detaching: Promise<DetachReport> | undefined;

  /** @internal */
  constructor(native: NativeController, transportId: TransportId) {
    super();
    this.#native = native;
    this.transportId = transportId;
    this.info = Object.freeze(native.info());
    this.namespaces = Object.freeze(native.namespaces().map((info) => new Namespace(info)));
    this.queuePairs = Object.freeze(
      native.queuePairs().map((poller, index) => Object.freeze({ index, poller })),
    );
  }

  get state(): ControllerState {
    return this.#native.state();
  }

  /**
   * Detaches the controller: refuses new I/O, waits for what is outstanding, disconnects every queue pair, waits
   * until all are quiet, and frees everything. Works on a failed controller too. Calls while one is under way, and
   * after it, share its promise.
   *
   * @returns how long each phase took
   * @throws {SpdkError} ERR_SPDK_WEDGED when SPDK has not finished after `timeoutMs`: the controller stays
   *   `wedged`, its memory is kept for SPDK, everything else goes on working
   */
  detach(options?: DetachOptions): Promise<DetachReport> {
    this.#detaching ??= this.#detach(options);
    return this.#detaching;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.detach();
  }

  #detach(options: DetachOptions | undefined): Promise<DetachReport> {
    const { drainMs, timeoutMs } = resolveDetachOptions(options);
    const operation = new Operation<DetachReport>({
      what: `Detaching ${this.transportId.subnqn ?? this.transportId.traddr}`,
      timeoutMs,
      timeoutCode: 'ERR_SPDK_WEDGED',
      timeoutHint: 'SPDK has not returned; the controller is lost to this process, other controllers are not.',
      giveUp: () => this.#native.wedge(),
    });
    this.#native.detach({
      drainMs,
      timeoutMs,
      done: (report) => {
        operation.resolve(Object.freeze(report));
        this.emit('detached', report);
      },
    });
    return operation.promise;
  }
}
