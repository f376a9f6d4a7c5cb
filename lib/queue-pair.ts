import { Batch } from './batch.js';
import type { BouncePool } from './bounce-pool.js';
import type { DmaMemory } from './dma-memory.js';
import { abortError, SpdkError } from './errors.js';
import { describeRequest, type IoRequest, isAborted, statusError } from './io-request.js';
import type { NativeQueuePair } from './native.js';
import { type CompletionSink, Ring } from './ring.js';

/** How many operations of a queue pair ended in which way. */
export interface IoCounts {
  completed: number;
  aborted: number;
}

/** What a queue pair needs of its surroundings. */
export interface QueuePairServices {
  readonly memory: DmaMemory;
  readonly bounce: BouncePool;
  /** The queue pair has operations pending from now on, or none any more. */
  readonly busy: (queuePair: QueuePair, busy: boolean) => void;
}

/** A request with the promise it settles. */
interface Pending {
  readonly request: IoRequest;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
  readonly onAbort: (() => void) | undefined;
  timer: NodeJS.Timeout | undefined;
  settled: boolean;
}

/**
 * One I/O queue pair of a controller. Operations go to it through `namespace.read()` and the like, which choose one
 * by themselves or take it as an option; a {@link Batch} has one to itself.
 */
export class QueuePair implements CompletionSink {
  /** Its place in `controller.queuePairs`. */
  readonly index: number;
  /** The index of the poller thread that serves it; -1 when the JavaScript thread does. */
  readonly poller: number;
  /** @internal */
  readonly ring: Ring;
  /** @internal How many operations have ended, for the report of a detach. */
  readonly counts: IoCounts = { completed: 0, aborted: 0 };
  readonly #services: QueuePairServices;
  readonly #maxWaiting: number;
  /** By slot. */
  readonly #inFlight: (Pending | undefined)[];
  /** What waits for a slot, in order; taken from the front by index, and compacted now and then. */
  #waiting: Pending[] = [];
  #waitingFrom = 0;
  #pending = 0;
  #publishing = false;
  #refusal: (() => SpdkError) | undefined;
  #batch: Batch | undefined;

  /** @internal */
  constructor(native: NativeQueuePair, index: number, maxWaiting: number, services: QueuePairServices) {
    this.index = index;
    this.poller = native.poller();
    this.ring = new Ring(native);
    this.#services = services;
    this.#maxWaiting = maxWaiting;
    this.#inFlight = new Array<Pending | undefined>(this.ring.capacity).fill(undefined);
  }

  /** Operations accepted and not ended, those that wait for room in the queue too. */
  get pending(): number {
    return this.#pending;
  }

  /** @internal Whether it takes operations. */
  get open(): boolean {
    return this.#refusal === undefined && this.#batch === undefined;
  }

  /** @internal From now on operations are refused with this error; null takes them again. */
  refuse(why: (() => SpdkError) | null): void {
    this.#refusal = why ?? undefined;
  }

  /** @internal Starts an operation; what was checked of it stays checked. */
  run<Value>(request: IoRequest): Promise<Value> {
    return new Promise<Value>((resolve, reject) => {
      const refusal = this.#refused(request);
      if (refusal) {
        this.#free(request);
        reject(refusal);
        return;
      }
      const pending: Pending = {
        request,
        resolve: resolve as (value: unknown) => void,
        reject,
        onAbort: request.signal
          ? () => this.#giveUp(pending, abortError(request.what, request.signal as AbortSignal))
          : undefined,
        timer: undefined,
        settled: false,
      };
      if (pending.onAbort) request.signal?.addEventListener('abort', pending.onAbort, { once: true });
      if (request.timeoutMs !== undefined) {
        pending.timer = setTimeout(() => this.#giveUp(pending, timeoutError(request)), request.timeoutMs);
      }
      for (const region of request.pinned) this.#services.memory.pin(region);
      this.#count(1);
      if (this.ring.free > 0 && this.#waitingFrom === this.#waiting.length) this.#place(pending);
      else this.#waiting.push(pending);
    });
  }

  /**
   * Opens the batch interface, which has the queue pair to itself until it is closed.
   * @throws {SpdkError} ERR_SPDK_QUEUE_IN_USE while operations are pending or another batch is open
   */
  openBatch(): Batch {
    if (this.#refusal) throw this.#refusal();
    if (this.#batch) throw this.#inUse('is used by a batch');
    if (this.#pending > 0) throw this.#inUse('has operations pending');
    const batch = new Batch(this.ring, this.#services.memory, {
      pending: (count) => {
        this.#count(count - this.#pending);
      },
      closed: () => {
        this.#batch = undefined;
      },
    });
    this.#batch = batch;
    return batch;
  }

  #inUse(why: string): SpdkError {
    return new SpdkError('ERR_SPDK_QUEUE_IN_USE', `Queue pair ${this.index} ${why}`);
  }

  /** @internal Takes what has completed, and fills the room that leaves. Returns how many completed. */
  reap(): number {
    // A batch reaps by itself; it only has to hear that there is something.
    if (this.#batch) {
      this.#batch.wake();
      return 0;
    }
    const count = this.ring.reap(this);
    if (count > 0) this.#fill();
    return count;
  }

  /** @internal One command has completed; called by the ring. */
  complete(slot: number, status: number, result: number): void {
    const pending = this.#inFlight[slot];
    this.#inFlight[slot] = undefined;
    if (pending) this.#finish(pending, status, result);
  }

  /** @internal The queue pair is gone: settles all that is left. Returns how many that were. */
  abandon(why: (what: string) => SpdkError): number {
    if (this.#pending === 0 && !this.#batch) return 0;
    const left = [...this.#inFlight, ...this.#waiting.slice(this.#waitingFrom)].filter(
      (entry) => entry !== undefined,
    );
    this.#waiting = [];
    this.#waitingFrom = 0;
    this.#batch?.abandon(why('The batch'));
    // Their memory stays pinned: whether SPDK still touches it is what nobody knows here.
    for (const pending of left) this.#settle(pending, () => pending.reject(why(pending.request.what)));
    if (left.length > 0) this.#count(-this.#pending);
    return left.length;
  }

  #refused(request: IoRequest): SpdkError | undefined {
    if (this.#refusal) return this.#refusal();
    if (this.#batch) return this.#inUse('is used by a batch');
    if (request.signal?.aborted) return abortError(request.what, request.signal);
    if (this.#waiting.length - this.#waitingFrom < this.#maxWaiting) return undefined;
    return new SpdkError(
      'ERR_SPDK_QUEUE_FULL',
      `${request.what}: ${this.#maxWaiting} operations wait for queue pair ${this.index} already. Await some first, or raise maxWaiting`,
    );
  }

  #place(pending: Pending): void {
    const slot = this.ring.take();
    this.#inFlight[slot] = pending;
    describeRequest(this.ring, slot, pending.request);
    this.ring.push(slot);
    // All operations of one turn of JavaScript go out with one call.
    if (this.#publishing) return;
    this.#publishing = true;
    queueMicrotask(() => {
      this.#publishing = false;
      this.ring.publish();
    });
  }

  #fill(): void {
    while (this.ring.free > 0 && this.#waitingFrom < this.#waiting.length) {
      this.#place(this.#waiting[this.#waitingFrom++] as Pending);
    }
    if (this.#waitingFrom > 1024 || this.#waitingFrom === this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#waitingFrom);
      this.#waitingFrom = 0;
    }
  }

  #finish(pending: Pending, status: number, result: number): void {
    const { request } = pending;
    if (isAborted(status)) this.counts.aborted++;
    else this.counts.completed++;
    // Given up before: the caller has its answer, and only now nothing uses the memory any more.
    if (!pending.settled) {
      this.#settle(pending, () => {
        if (status !== 0) {
          pending.reject(statusError(request.what, status));
          return;
        }
        try {
          pending.resolve(request.deliver?.(result));
        } catch (cause) {
          const message = `${request.what}: the buffer was detached or shrunk before the data came`;
          pending.reject(new SpdkError('ERR_SPDK_INVALID_BUFFER', message, { cause }));
        }
      });
    }
    this.#letGo(request);
  }

  /** Answers the caller before the controller has. The memory stays in use until the controller has answered too. */
  #giveUp(pending: Pending, error: SpdkError): void {
    const waiting = this.#waiting.indexOf(pending, this.#waitingFrom);
    this.#settle(pending, () => pending.reject(error));
    if (waiting < 0) return;
    this.#waiting.splice(waiting, 1);
    this.#letGo(pending.request);
  }

  #settle(pending: Pending, answer: () => void): void {
    if (pending.settled) return;
    pending.settled = true;
    if (pending.timer) clearTimeout(pending.timer);
    if (pending.onAbort) pending.request.signal?.removeEventListener('abort', pending.onAbort);
    answer();
  }

  /** Nothing uses the request's memory any more. */
  #letGo(request: IoRequest): void {
    for (const region of request.pinned) this.#services.memory.unpin(region);
    this.#free(request);
    this.#count(-1);
  }

  #count(change: number): void {
    const before = this.#pending;
    this.#pending += change;
    this.ring.pending = this.#pending;
    if ((before === 0) !== (this.#pending === 0)) this.#services.busy(this, this.#pending > 0);
  }

  #free(request: IoRequest): void {
    if (request.chunk) this.#services.bounce.give(request.chunk);
  }
}

function timeoutError(request: IoRequest): SpdkError {
  return new SpdkError(
    'ERR_SPDK_TIMEOUT',
    `${request.what} took more than ${request.timeoutMs} ms. The controller may still carry it out; its memory is kept until then`,
  );
}
