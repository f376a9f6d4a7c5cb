// One I/O queue pair: who may use it, and how it ends.

import { Batch, type BatchHooks } from './batch.js';
import { SpdkError, SpdkTypeError } from './errors/spdk-error.js';
import { hide } from './internal/hide.js';
import type { BounceShare } from './io/bounce-pool.js';
import type { DmaMemory } from './io/dma-memory.js';
import { Ring } from './io/ring.js';
import { type IoCounts, SubmissionQueue } from './io/submission-queue.js';
import type { NativeQueuePair } from './native/contract.js';

// Options of operations are read below this file: what they say of queue pairs is added to them here.
declare module './io/operation-options.js' {
  interface OperationOptions {
    /** One of `controller.queuePairs`. Default: the one with the fewest operations pending. */
    readonly queuePair?: QueuePair | undefined;
  }
}

/** @internal What a queue pair needs of its surroundings. */
export interface QueuePairServices {
  readonly memory: DmaMemory;
  readonly bounce: BounceShare;
  readonly maxWaiting: number;
  readonly ioTimeoutMs: number | undefined;
  /** Whether a namespace is of the same controller. */
  readonly owns: BatchHooks['owns'];
  /** The queue pair has operations pending from now on, or none any more. */
  readonly busy: (queuePair: QueuePair, busy: boolean) => void;
}

/**
 * One I/O queue pair of a controller. Operations go to it through `namespace.read()` and the like, which choose one
 * by themselves or take it as an option; a {@link Batch} has one to itself.
 */
export class QueuePair {
  /** Its place in `controller.queuePairs`. */
  readonly index: number;
  /** The index of the poller thread that serves it; -1 when the JavaScript thread does. */
  readonly poller: number;
  /** @internal Operations of the promise interface. */
  readonly queue: SubmissionQueue;
  readonly #owns: BatchHooks['owns'];
  #refusal: (() => SpdkError) | undefined;
  #batch: Batch | undefined;

  private constructor(native: NativeQueuePair, index: number, services: QueuePairServices) {
    this.index = index;
    this.poller = native.poller();
    this.#owns = services.owns;
    this.queue = new SubmissionQueue(new Ring(native), `queue pair ${index}`, {
      ...services,
      busy: (busy) => services.busy(this, busy),
    });
    hide(this, 'queue');
  }

  /** @internal */
  static create(native: NativeQueuePair, index: number, services: QueuePairServices): QueuePair {
    return new QueuePair(native, index, services);
  }

  /** Operations accepted and not ended, those that wait for room in the queue too. */
  get pending(): number {
    return this.queue.pending;
  }

  /** @internal Whether it takes operations. */
  get open(): boolean {
    return this.queue.refusal === undefined;
  }

  /** @internal How many operations have ended, for the report of a detach. */
  get counts(): IoCounts {
    return this.queue.counts;
  }

  /** @internal From now on operations are refused with this error; null takes them again. */
  refuse(why: (() => SpdkError) | null): void {
    this.#refusal = why ?? undefined;
    this.#update();
    if (this.#batch) this.reap();
  }

  /**
   * Opens the batch interface, which has the queue pair to itself until it is closed.
   * @throws {SpdkError} ERR_SPDK_QUEUE_IN_USE while operations are pending or another batch is open;
   *   ERR_SPDK_DETACHING, ERR_SPDK_CONTROLLER_DETACHED, ERR_SPDK_CONTROLLER_FAILED, ERR_SPDK_WEDGED
   */
  openBatch(): Batch {
    if (this.#refusal) throw this.#refusal();
    if (this.#batch) throw this.#inUse('is used by a batch');
    if (this.pending > 0) throw this.#inUse('has operations pending');
    const batch = Batch.create(this.queue, {
      owns: this.#owns,
      refusal: () => this.#refusal?.(),
      closed: () => {
        this.#batch = undefined;
        this.#update();
      },
    });
    this.#batch = batch;
    this.#update();
    return batch;
  }

  /** @internal Sends what was started in this turn of JavaScript, without waiting for its end. */
  publish(): void {
    if (!this.#batch) this.queue.ring.publish();
  }

  /** @internal Takes what has completed, and fills the room that leaves. */
  reap(): void {
    const batch = this.#batch;
    if (!batch) {
      this.queue.reap();
      return;
    }
    // A batch reaps by itself, unless its program may never do that again.
    if (this.#refusal) batch.reapLater();
    batch.wake();
  }

  /**
   * @internal The queue pair is gone: settles all that is left. Returns how many operations that were.
   * @param gone nothing uses the memory of commands any more; otherwise SPDK may, and it stays pinned
   */
  abandon(why: (what: string) => SpdkError, gone: boolean): number {
    const batch = this.#batch;
    const lost = batch?.abandon(why('The batch'), gone) ?? 0;
    return lost + this.queue.abandon(why, gone);
  }

  #update(): void {
    this.queue.refusal = this.#refusal ?? (this.#batch && (() => this.#inUse('is used by a batch')));
  }

  #inUse(why: string): SpdkError {
    return new SpdkError('ERR_SPDK_QUEUE_IN_USE', `Queue pair ${this.index} ${why}`);
  }
}

/** @internal */
export function checkQueuePair(value: unknown): QueuePair {
  try {
    if (value instanceof QueuePair) return value;
  } catch {
    // A proxy whose trap threw.
  }
  throw new SpdkTypeError('queuePair must be one of controller.queuePairs');
}
