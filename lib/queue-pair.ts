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
  readonly #inFlight: (IoRequest | undefined)[];
  /** What waits for a slot, in order; taken from the front by index, and compacted now and then. */
  #waiting: IoRequest[] = [];
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
    this.#inFlight = new Array<IoRequest | undefined>(this.ring.capacity).fill(undefined);
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
      request.resolve = resolve as (value: unknown) => void;
      request.reject = reject;
      if (request.signal) this.#heed(request, request.signal);
      if (request.timeoutMs !== undefined) {
        request.timer = setTimeout(() => this.#giveUp(request, timeoutError(request)), request.timeoutMs);
      }
      request.pin(this.#services.memory);
      this.#count(1);
      if (this.ring.free > 0 && this.#waitingFrom === this.#waiting.length) this.#place(request);
      else this.#waiting.push(request);
    });
  }

  #heed(request: IoRequest, signal: AbortSignal): void {
    request.onAbort = () => this.#giveUp(request, abortError(request.what, signal));
    signal.addEventListener('abort', request.onAbort, { once: true });
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

  /** @internal Sends what was started in this turn of JavaScript, without waiting for its end. */
  publish(): void {
    if (!this.#batch) this.ring.publish();
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
    const request = this.#inFlight[slot];
    this.#inFlight[slot] = undefined;
    if (request) this.#finish(request, status, result);
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
    for (const request of left) {
      if (this.#settle(request)) request.reject(why(request.what));
    }
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

  #place(request: IoRequest): void {
    const slot = this.ring.take();
    this.#inFlight[slot] = request;
    describeRequest(this.ring, slot, request);
    this.ring.push(slot);
    // All operations of one turn of JavaScript go out with one call.
    if (this.#publishing) return;
    this.#publishing = true;
    queueMicrotask(this.#publish);
  }

  readonly #publish = (): void => {
    this.#publishing = false;
    this.ring.publish();
  };

  #fill(): void {
    while (this.ring.free > 0 && this.#waitingFrom < this.#waiting.length) {
      this.#place(this.#waiting[this.#waitingFrom++] as IoRequest);
    }
    if (this.#waitingFrom > 1024 || this.#waitingFrom === this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#waitingFrom);
      this.#waitingFrom = 0;
    }
  }

  #finish(request: IoRequest, status: number, result: number): void {
    if (isAborted(status)) this.counts.aborted++;
    else this.counts.completed++;
    // Given up before: the caller has its answer, and only now nothing uses the memory any more.
    if (this.#settle(request)) {
      if (status === 0) this.#fulfil(request, result);
      else request.reject(statusError(request.what, status));
    }
    this.#letGo(request);
  }

  #fulfil(request: IoRequest, result: number): void {
    try {
      request.resolve(request.deliver(result));
    } catch (cause) {
      const message = `${request.what}: the buffer was detached or shrunk before the data came`;
      request.reject(new SpdkError('ERR_SPDK_INVALID_BUFFER', message, { cause }));
    }
  }

  /** Answers the caller before the controller has. The memory stays in use until the controller has answered too. */
  #giveUp(request: IoRequest, error: SpdkError): void {
    const waiting = this.#waiting.indexOf(request, this.#waitingFrom);
    if (this.#settle(request)) request.reject(error);
    if (waiting < 0) return;
    this.#waiting.splice(waiting, 1);
    this.#letGo(request);
  }

  /** False when the caller has its answer already. */
  #settle(request: IoRequest): boolean {
    if (request.settled) return false;
    request.settled = true;
    if (request.timer) clearTimeout(request.timer);
    if (request.onAbort) request.signal?.removeEventListener('abort', request.onAbort);
    return true;
  }

  /** Nothing uses the request's memory any more. */
  #letGo(request: IoRequest): void {
    request.unpin(this.#services.memory);
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
