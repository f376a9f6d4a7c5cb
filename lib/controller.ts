import { EventEmitter } from 'node:events';
import { Admin } from './admin.js';
import type { BouncePool } from './bounce-pool.js';
import { publish } from './diagnostics.js';
import type { DmaMemory } from './dma-memory.js';
import { SpdkError, type SpdkTypeError } from './errors.js';
import { type HistoryEvent, historyOf } from './history.js';
import { IoLoop } from './io-loop.js';
import type { LogLine } from './log.js';
import { Namespace } from './namespace.js';
import type {
  ControllerInfo,
  ControllerState,
  DetachPhases,
  NamespaceInfo,
  NativeController,
} from './native.js';
import { Operation } from './operation.js';
import { type DetachOptions, resolveDetachOptions } from './options.js';
import { QueuePair } from './queue-pair.js';
import type { ControllerStats } from './stats.js';
import type { TransportId } from './transport-id.js';

/** How a detach went. */
export interface DetachReport extends DetachPhases {
  /** Operations that were outstanding when the detach began, and ended with the controller's answer. */
  readonly completed: number;
  /** Operations that were outstanding and were aborted. */
  readonly aborted: number;
}

/** The events of a {@link Controller} and what their listeners get. */
export interface ControllerEvents {
  /** The controller moved on to another state. */
  state: [state: ControllerState];
  /** The link or the target died. Nothing works any more but `detach()`. At most once. */
  failed: [error: SpdkError | SpdkTypeError];
  /** Namespaces appeared, vanished or changed; `namespaces` has the new ones. */
  namespaces: [namespaces: readonly Namespace[]];
  /** SPDK logged a line about this controller, of the environment's `logLevel` or more severe. */
  log: [line: LogLine];
  /** The controller is gone and everything it held is free again. */
  detached: [report: DetachReport];
}

/** @internal What a controller shares with the others of its environment. */
export interface ControllerServices {
  readonly memory: DmaMemory;
  readonly bounce: BouncePool;
}

/** @internal How the controller was asked for. */
export interface ControllerSettings {
  readonly transportId: TransportId;
  readonly inlinePolling: boolean;
  readonly maxWaiting: number;
}

/**
 * An attached NVMe controller. Made by `env.attach()`; its state lives in native code
 * (native/core/controller_state.h), and this object shows it.
 */
export class Controller extends EventEmitter<ControllerEvents> implements AsyncDisposable {
  readonly transportId: TransportId;
  /** What the controller said of itself when it was attached. Stays readable after a detach. */
  readonly info: ControllerInfo;
  readonly queuePairs: readonly QueuePair[];
  readonly admin: Admin;
  /** @internal */
  readonly services: ControllerServices;
  readonly #native: NativeController;
  readonly #loop: IoLoop;
  #namespaces: readonly Namespace[];
  #detaching: Promise<DetachReport> | undefined;

  /** @internal */
  constructor(native: NativeController, settings: ControllerSettings, services: ControllerServices) {
    super();
    this.#native = native;
    this.services = services;
    this.transportId = settings.transportId;
    this.info = Object.freeze(native.info());
    this.admin = new Admin(native, () => this.#refusal());
    this.#namespaces = this.#readNamespaces();
    this.#loop = new IoLoop(settings.inlinePolling);
    const queuePairServices = {
      ...services,
      busy: (queuePair: QueuePair, busy: boolean) => this.#loop.setBusy(queuePair, busy),
    };
    this.queuePairs = Object.freeze(
      native
        .queuePairs()
        .map((pair, index) => new QueuePair(pair, index, settings.maxWaiting, queuePairServices)),
    );
    this.#loop.start(this.queuePairs);
  }

  get state(): ControllerState {
    return this.#native.state();
  }

  /** The namespaces as the controller last described them. A change gives new objects. */
  get namespaces(): readonly Namespace[] {
    return this.#namespaces;
  }

  /**
   * What happened to the controller last, the oldest first: up to 64 lines of SPDK's log about it, and up to 64 other
   * events. Read anew from native code by each use; stays readable after a detach.
   */
  get history(): readonly HistoryEvent[] {
    return historyOf(this.#native);
  }

  /** What the controller's I/O queue pairs have done since they were connected. Stays readable after a detach. */
  stats(): ControllerStats {
    const pending = this.queuePairs.reduce((sum, queuePair) => sum + queuePair.pending, 0);
    return { pending, ...this.#native.stats() };
  }

  /**
   * Detaches the controller: refuses new I/O, waits for what is outstanding up to `drainMs` and aborts the rest,
   * disconnects every queue pair, waits until all are quiet, and frees everything. Works on a failed controller
   * too. Calls while one is under way, and after it, share its promise.
   *
   * @returns how long each phase took, and what became of outstanding operations
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

  /** @internal The queue pair to use: the one asked for, or the least busy. */
  queuePairFor(chosen: QueuePair | undefined): QueuePair {
    if (chosen === undefined) return this.#leastBusy();
    if (this.queuePairs[chosen.index] !== chosen) {
      throw new SpdkError('ERR_SPDK_FOREIGN_QUEUE_PAIR', 'The queue pair is another controller’s');
    }
    return chosen;
  }

  /** @internal Whether the namespace is as it was when it was described. */
  has(namespace: Namespace): boolean {
    return this.#namespaces.includes(namespace);
  }

  /** @internal Native code says that something has completed. */
  onIoCompleted(): void {
    this.#loop.reapAll();
  }

  /** @internal */
  onNamespacesChanged(): void {
    const before = this.#namespaces;
    this.#namespaces = this.#readNamespaces();
    const { length } = this.#namespaces;
    // Native code asks whenever the controller says something; often it says the same thing twice.
    if (length === before.length && this.#namespaces.every((namespace) => before.includes(namespace))) return;
    this.emit('namespaces', this.#namespaces);
  }

  /** @internal */
  onFailed(error: SpdkError | SpdkTypeError): void {
    for (const queuePair of this.queuePairs) queuePair.refuse(() => this.#refusal() as SpdkError);
    publish('spdk-nvme:failed', { controller: this, error });
    this.emit('failed', error);
  }

  /** Namespaces that have not changed stay the same objects, so that programs may hold on to them. */
  #readNamespaces(): readonly Namespace[] {
    const before = new Map(this.#namespaces?.map((namespace) => [namespace.id, namespace]));
    const fresh = this.#native.namespaces().map((info) => {
      const old = before.get(info.id);
      return old && isSame(old, info) ? old : new Namespace(this, info);
    });
    return Object.freeze(fresh);
  }

  #leastBusy(): QueuePair {
    let best = this.queuePairs[0] as QueuePair;
    for (const queuePair of this.queuePairs) {
      if (queuePair.open && (!best.open || queuePair.pending < best.pending)) best = queuePair;
    }
    return best;
  }

  /** Why nothing new is taken any more. */
  #refusal(): SpdkError | undefined {
    const state = this.state;
    switch (state) {
      case 'attaching':
      case 'attached':
        return this.#detaching && new SpdkError('ERR_SPDK_DETACHING', 'The controller is being detached');
      case 'failed':
        return new SpdkError(
          'ERR_SPDK_CONTROLLER_FAILED',
          'The link or the target has failed; detach the controller and attach it again',
        );
      case 'wedged':
        return new SpdkError('ERR_SPDK_WEDGED', 'SPDK has not returned from a call for this controller');
      case 'detached':
        return new SpdkError('ERR_SPDK_CONTROLLER_DETACHED', 'The controller is detached; attach it again');
      default:
        return new SpdkError('ERR_SPDK_DETACHING', 'The controller is being detached');
    }
  }

  #detach(options: DetachOptions | undefined): Promise<DetachReport> {
    const { drainMs, timeoutMs } = resolveDetachOptions(options);
    for (const queuePair of this.queuePairs) queuePair.refuse(() => this.#refusal() as SpdkError);
    const before = this.#counts();
    const operation = new Operation<DetachReport>({
      what: `Detaching ${this.transportId.subnqn ?? this.transportId.traddr}`,
      timeoutMs,
      timeoutCode: 'ERR_SPDK_WEDGED',
      timeoutHint:
        'SPDK has not returned; the controller is lost to this process, other controllers are not.',
      giveUp: () => {
        this.#native.wedge();
        this.#abandon('ERR_SPDK_WEDGED');
      },
    });
    this.#native.detach({
      drainMs,
      timeoutMs,
      done: (phases) => {
        this.#loop.reapAll();
        const after = this.#counts();
        const left = this.#abandon('ERR_SPDK_CONTROLLER_DETACHED');
        const report = Object.freeze({
          ...phases,
          completed: after.completed - before.completed,
          aborted: after.aborted - before.aborted + left,
        });
        operation.resolve(report);
        publish('spdk-nvme:detach', { controller: this, report });
        this.emit('detached', report);
      },
    });
    return this.#told(operation.promise);
  }

  async #told(detach: Promise<DetachReport>): Promise<DetachReport> {
    try {
      return await detach;
    } catch (error) {
      publish('spdk-nvme:detach:error', { controller: this, error });
      throw error;
    }
  }

  /** Settles every operation that is left: their queue pairs are gone. */
  #abandon(code: 'ERR_SPDK_WEDGED' | 'ERR_SPDK_CONTROLLER_DETACHED'): number {
    const why = (what: string) =>
      new SpdkError(code, `${what} did not end before the controller was given up`);
    let left = 0;
    for (const queuePair of this.queuePairs) left += queuePair.abandon(why);
    this.#loop.stop();
    return left;
  }

  #counts(): { completed: number; aborted: number } {
    let completed = 0;
    let aborted = 0;
    for (const { counts } of this.queuePairs) {
      completed += counts.completed;
      aborted += counts.aborted;
    }
    return { completed, aborted };
  }
}

function isSame(namespace: Namespace, info: NamespaceInfo): boolean {
  return (
    namespace.blocks === info.blocks &&
    namespace.blockSize === info.blockSize &&
    namespace.metadataSize === info.metadataSize &&
    namespace.nguid === info.nguid
  );
}
