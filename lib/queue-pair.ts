// One I/O queue pair: its promises, its batch, and how it ends.

import { Batch, type BatchHooks } from './batch.js';
import { SpdkError } from './errors/spdk-error.js';
import { hide } from './internal/hide.js';
import type { BounceQuota } from './io/bounce-pool.js';
import type { DmaMemory } from './io/dma-memory.js';
import type { OnTimeout } from './io/request.js';
import { Ring } from './io/ring.js';
import { type IoCounts, SubmissionQueue } from './io/submission-queue.js';
import type { NativeController, NativeQueuePair } from './native/contract.js';
import { notOne } from './options/arguments.js';

// Operation options are declared in a lower layer; the member that names queue pairs is added here.
declare module './io/operation-options.js' {
  interface OperationOptions {
    /** One of `controller.queuePairs`. Default: the one with the fewest pending operations. */
    readonly queuePair?: QueuePair | undefined;
  }
}

/** @internal What a queue pair needs of its surroundings. */
export interface QueuePairServices {
  readonly memory: DmaMemory;
  readonly bounce: BounceQuota;
  readonly maxWaiting: number;
  /** The maximum transfer of one command in bytes. */
  readonly maxBytes: () => number;
  readonly ioTimeoutMs: number | undefined;
  readonly onTimeout: OnTimeout;
  /** Asks the controller to abort a command. */
  readonly abort: NativeController['abort'];
  /** Resets the controller, if it is attached. */
  readonly reset: () => void;
  /** Whether the JavaScript thread polls. */
  readonly polls: boolean;
  /** Whether a namespace belongs to the same controller. */
  readonly owns: BatchHooks['owns'];
  /** Called when it changes whether operations are pending, or whether a caller waits for one of them. */
  readonly busy: (queuePair: QueuePair, busy: boolean, awaited: boolean) => void;
  /** Called when a caller waits for completions. */
  readonly resumePolling: () => void;
}

/**
 * One I/O queue pair of a controller. `namespace.read()` and the other operations choose a queue pair by themselves or
 * by an option; a {@link Batch} reserves one.
 */
export class QueuePair {
  /** Its index in `controller.queuePairs`. */
  readonly index: number;
  /**
   * The index of the poller thread that serves it; -1 if only the JavaScript thread polls it (`inline`). With `adaptive` that
   * poller serves it only while the JavaScript thread is busy.
   */
  readonly poller: number;
  /** @internal Operations of the promise interface. */
  readonly queue: SubmissionQueue;
  readonly #owns: BatchHooks['owns'];
  #rejection: (() => SpdkError) | undefined;
  #batch: Batch | undefined;

  private constructor(native: NativeQueuePair, index: number, services: QueuePairServices) {
    this.index = index;
    this.poller = native.poller();
    this.#owns = services.owns;
    this.queue = new SubmissionQueue(new Ring(native, services.polls), `queue pair ${index}`, {
      ...services,
      busy: (busy, awaited) => services.busy(this, busy, awaited),
      abort: (slot, done) => services.abort({ queuePair: index, slot, done }),
      roomMade: () => this.#batch?.wake(),
    });
    hide(this, 'queue');
  }

  /** @internal */
  static create(native: NativeQueuePair, index: number, services: QueuePairServices): QueuePair {
    return new QueuePair(native, index, services);
  }

  /** @internal Whether a value is one, and not merely looks like one. */
  static isOne(value: unknown): value is QueuePair {
    return typeof value === 'object' && value !== null && #owns in value;
  }

  /** Operations that have not settled, including those that wait for room in the queue. */
  get pending(): number {
    return this.queue.pending;
  }

  /** @internal Whether it accepts operations. */
  get open(): boolean {
    return this.queue.rejection === undefined;
  }

  /** @internal How many operations have ended, for the report of a detach. */
  get counts(): IoCounts {
    return this.queue.counts;
  }

  /** @internal Rejects operations with this error from now on; null accepts them again. */
  rejectNew(why: (() => SpdkError) | null): void {
    this.#rejection = why ?? undefined;
    this.#update();
    if (this.#batch) this.reap();
  }

  /**
   * Opens the batch interface, which reserves the queue pair until it is closed. Commands that nothing waits for any more, of operations
   * that have timed out or were aborted and of discarded batches, may still be outstanding: their places become free as they complete.
   * @throws {SpdkError} ERR_SPDK_QUEUE_IN_USE while operations are pending or another batch is open;
   *   ERR_SPDK_DETACHING, ERR_SPDK_CONTROLLER_DETACHED, ERR_SPDK_CONTROLLER_FAILED, ERR_SPDK_WEDGED
   */
  openBatch(): Batch {
    if (this.#rejection) throw this.#rejection();
    if (this.#batch) throw this.#inUse('is used by a batch');
    if (this.queue.awaited) throw this.#inUse('has pending operations');
    // What was cancelled in this turn goes out before the commands of the batch are described.
    this.queue.publish();
    const batch = Batch.create(this.queue, {
      owns: this.#owns,
      rejection: () => this.#rejection?.(),
      closed: () => {
        this.#batch = undefined;
        this.#update();
      },
    });
    this.#batch = batch;
    this.#update();
    return batch;
  }

  /** @internal Sends the operations that were started in this turn of JavaScript. */
  publish(): void {
    if (!this.#batch) this.queue.publish();
  }

  /** @internal Polls the queue pairs of its set, if the JavaScript thread may. */
  poll(spinUs: number): void {
    this.queue.ring.poll(spinUs);
  }

  /** @internal Has native code call at the next completion. */
  requestWake(): void {
    this.queue.ring.requestWake();
  }

  /** @internal */
  withdrawWake(): void {
    this.queue.ring.withdrawWake();
  }

  /** @internal Reaps completions and sends waiting operations. True if there were completions. */
  reap(): boolean {
    const batch = this.#batch;
    if (!batch) return this.queue.reap() > 0;
    // A batch reaps by itself, unless its program may never call it again.
    if (this.#rejection) batch.reapLater();
    return batch.wake();
  }

  /**
   * @internal The queue pair no longer exists: settles all remaining operations and returns their number.
   * @param gone nothing uses the memory of commands any more; otherwise SPDK may use it, and it stays pinned
   */
  failPending(why: (what: string) => SpdkError, gone: boolean): number {
    const batch = this.#batch;
    const lost = batch?.failPending(why('The batch'), gone) ?? 0;
    return lost + this.queue.failPending(why, gone);
  }

  #update(): void {
    this.queue.rejection = this.#rejection ?? (this.#batch && (() => this.#inUse('is used by a batch')));
  }

  #inUse(why: string): SpdkError {
    return new SpdkError('ERR_SPDK_QUEUE_IN_USE', `Queue pair ${this.index} ${why}`);
  }
}

/** @internal */
export function checkQueuePair(value: unknown): QueuePair {
  if (QueuePair.isOne(value)) return value;
  throw notOne('queuePair must be one of controller.queuePairs', value, QueuePair);
}
