// The operations of one queue pair. Longer than other files: it is one state machine over slots, memory and the queue of those that
// wait, and each of its steps runs for every command.

import { type CommandFailure, failureError, isAborted } from '../errors/command-status.js';
import { abortError, SpdkError } from '../errors/spdk-error.js';
import { eventLoop } from '../internal/event-loop.js';
import { unwanted } from '../internal/signals.js';
import { tooLongError } from '../internal/state-errors.js';
import type { NativeAbortOutcome } from '../native/contract.js';
import { ioOpcodes } from '../native/ring-layout.js';
import type { BounceChunk, BounceQuota } from './bounce-pool.js';
import { gather, scatter } from './data.js';
import type { DmaMemory, DmaRegion } from './dma-memory.js';
import type { MemoryWaiter, MemoryWaitQueue } from './memory-wait-queue.js';
import {
  describeCommand,
  IoRequest,
  type OnTimeout,
  type RequestHolder,
  type RequestLimits,
} from './request.js';
import { RequestEnd, waitingHint, withoutCommands } from './request-end.js';
import type { CompletionSink, Ring } from './ring.js';
import { WaitQueue } from './wait-queue.js';

/** Which queue an operation uses, and its limits. */
export interface IoLimits extends RequestLimits {
  readonly queue: SubmissionQueue;
}

/** How many operations of a queue pair ended in which way. */
export interface IoCounts {
  completed: number;
  aborted: number;
}

/** What a submission queue needs of its surroundings. */
export interface QueueServices {
  readonly memory: DmaMemory;
  readonly bounce: BounceQuota;
  readonly maxWaiting: number;
  /** The maximum transfer of one command in bytes. A target ends the connection of a host that exceeds it. */
  readonly maxBytes: () => number;
  /** The time limit of operations that have none of their own. */
  readonly ioTimeoutMs: number | undefined;
  /** Called when it changes whether operations are pending, or whether a caller waits for one of them. */
  readonly busy: (busy: boolean, awaited: boolean) => void;
  /** Called when a caller waits for completions. */
  readonly resumePolling: () => void;
  /** What timed-out and aborted operations do at the controller, unless they say otherwise. */
  readonly onTimeout: OnTimeout;
  /** Asks the controller to abort the command in a slot, which is not used again before `done` is called. */
  readonly abort: (slot: number, done: (outcome: NativeAbortOutcome) => void) => void;
  /** Resets the controller, if it is attached. */
  readonly reset: () => void;
  /** Called when a place has become free for another reason than a completion. */
  readonly roomMade: () => void;
}

/**
 * The operations of one queue pair: gives them slots of the ring and memory to copy through, in order, and settles
 * each once. An operation of several commands takes turns with those that wait behind it.
 */
export class SubmissionQueue implements CompletionSink, MemoryWaiter, RequestHolder {
  readonly ring: Ring;
  readonly name: string;
  readonly memory: DmaMemory;
  /** How many operations have ended, for the report of a detach. */
  readonly counts: IoCounts = { completed: 0, aborted: 0 };
  /** The limits of operations that were given none. */
  readonly limits: IoLimits;
  /** The error for new operations; undefined if they are accepted. */
  rejection: (() => SpdkError) | undefined = undefined;
  waitsIn: MemoryWaitQueue | undefined = undefined;
  /** How many calls of `wait()` of its batches, one after the other, since the last one that let the event loop turn. */
  atOnce = 0;
  readonly #services: QueueServices;
  /** By slot: the request of the command, the offset of its data in the range, and the memory that its data is copied through. */
  readonly #requests: (IoRequest | undefined)[];
  readonly #dataOffsets: number[];
  readonly #chunks: (BounceChunk | undefined)[];
  readonly #waiting = new WaitQueue();
  #pending = 0;
  /** Pending operations that no caller waits for any more. */
  #abandoned = 0;
  /** Whether the program of a batch waits; undefined: for what its batch has sent. */
  #batchAwaits: boolean | undefined;
  #busy = false;
  #awaited = false;
  #publishing = false;
  #ended = false;

  constructor(ring: Ring, name: string, services: QueueServices) {
    this.ring = ring;
    this.name = name;
    this.memory = services.memory;
    this.limits = { queue: this, signal: undefined, timeoutMs: services.ioTimeoutMs, onTimeout: undefined };
    this.#services = services;
    this.#requests = new Array<IoRequest | undefined>(ring.capacity).fill(undefined);
    this.#dataOffsets = new Array<number>(ring.capacity).fill(0);
    this.#chunks = new Array<BounceChunk | undefined>(ring.capacity).fill(undefined);
  }

  /** Operations accepted and not ended, those that wait for room in the queue too. */
  get pending(): number {
    return this.#pending;
  }

  /** Whether a caller waits for one of them. */
  get awaited(): boolean {
    return this.#pending > this.#abandoned;
  }

  /** Starts an operation, whose arguments are checked. */
  run<Value>(request: IoRequest): Promise<Value> {
    const promise = request.promise<Value>();
    const rejection = this.#rejection(request) ?? this.#fullError(request);
    if (rejection) request.reject(rejection);
    else if (request.start(this, this.memory)) this.#accept(request);
    return promise;
  }

  /**
   * Takes over an operation that has started, and that comes from its router. The limit is for new ones: one that was accepted before,
   * by another path, waits here however many do.
   */
  acceptStarted(request: IoRequest): void {
    const rejection =
      this.#rejection(request) ?? (request.failover?.accepted ? undefined : this.#fullError(request));
    request.holder = this;
    if (rejection) this.#end(request, rejection, undefined);
    else this.#accept(request);
  }

  /** Changes the number of pending operations; a batch counts its own here, too. */
  count(change: number): void {
    this.#pending += change;
    this.ring.pending = this.#pending;
    this.#tell(this.#pending > 0);
  }

  /** Everything pending has completed, and the batch has yet to ask for it: nothing is polled for, nor the process kept alive. */
  rest(): void {
    this.#tell(false);
  }

  /**
   * Notes whether the program of a batch waits, which keeps the process alive: no longer, after it has given up; or for a place.
   * @param awaits undefined: for what its batch has sent, as long as that is pending
   */
  batchAwaits(awaits: boolean | undefined): void {
    if (awaits === this.#batchAwaits) return;
    this.#batchAwaits = awaits;
    this.#tell(this.#busy);
  }

  /** The caller of a pending operation no longer waits for it: it does not keep the process alive. */
  #abandon(request: IoRequest): void {
    if (!request.counted) return;
    request.abandoned = true;
    this.#abandoned++;
    this.#tell(this.#busy);
  }

  #uncount(request: IoRequest): void {
    if (request.abandoned) this.#abandoned--;
    request.abandoned = false;
    request.counted = false;
  }

  #tell(busy: boolean): void {
    const awaited = busy && (this.#batchAwaits ?? this.awaited);
    if (busy === this.#busy && awaited === this.#awaited) return;
    this.#busy = busy;
    this.#awaited = awaited;
    this.#services.busy(busy, awaited);
  }

  /**
   * Takes over a command that was sent by a batch which is closed. No caller waits for it.
   * @param counted it is among the pending ones
   */
  adopt(slot: number, region: DmaRegion | undefined, counted: boolean): void {
    const request = new IoRequest(
      'Batch',
      ioOpcodes.flush,
      { id: 0, tag: 0, blockSize: 1 },
      0,
      0,
      this.limits,
    );
    request.region = region;
    request.settled = true;
    request.held = true;
    request.counted = counted;
    request.left = 0;
    request.inFlight = 1;
    this.#requests[slot] = request;
    this.ring.cancel(slot);
    this.#abandon(request);
  }

  /** Sends what is described in the ring. */
  publish(): void {
    this.#publishing = false;
    this.ring.publish();
    this.resumePolling();
  }

  /** Makes this thread poll from now on, if it polls: a caller waits for completions. */
  resumePolling(): void {
    this.#services.resumePolling();
  }

  /** Reaps completions and sends waiting operations. Returns the number of completions. */
  reap(): number {
    const count = this.ring.reap(this);
    if (count > 0) this.fill();
    return count;
  }

  /** Starts what waits for room, as far as there is some. */
  fill(): void {
    while (this.ring.free > 0 && this.waitsIn === undefined) {
      const request = this.#waiting.first;
      if (!request || !this.#serve(request)) return;
    }
  }

  /** Sends one command, for which it may have memory before all others. */
  useRoom(): void {
    const request = this.#waiting.first;
    if (request && this.ring.free > 0) this.#serve(request);
  }

  /** Called by the ring when a command has completed. */
  complete(slot: number, status: number, result: number): void {
    const request = this.#requests[slot];
    if (!request) return;
    this.#requests[slot] = undefined;
    request.inFlight--;
    if (request.status <= 0) request.status = status;
    if (status !== 0) this.#sendNoMore(request);
    const chunk = this.#chunks[slot];
    if (chunk) {
      this.#chunks[slot] = undefined;
      if (request.status === 0 && !request.failure && !request.settled) this.#deliver(request, slot, chunk);
      else this.#keepSent(request, chunk);
      this.#services.bounce.give(chunk);
    }
    if (request.left > 0) {
      if (!this.#waiting.has(request)) this.#waiting.push(request);
    } else if (request.inFlight === 0) {
      this.#finish(request, request.raw?.longResult ? this.ring.longResult(slot) : result);
    }
  }

  /**
   * The queue pair is gone: settles all that is left. Returns how many that were.
   * @param gone nothing uses the memory of commands any more; otherwise SPDK may use it, and it stays pinned
   */
  failPending(why: (what: string) => SpdkError, gone: boolean): number {
    this.#ended = true;
    if (gone) this.ring.reap(this);
    const left = new Set(this.#waiting.removeAll());
    for (const [slot, request] of this.#requests.entries()) {
      if (!request) continue;
      left.add(request);
      const chunk = this.#chunks[slot];
      if (!gone) continue;
      this.#requests[slot] = undefined;
      this.#chunks[slot] = undefined;
      request.inFlight--;
      if (!chunk) continue;
      this.#keepSent(request, chunk);
      this.#services.bounce.give(chunk);
    }
    if (!gone) this.#services.bounce.lose();
    this.waitsIn?.remove(this);
    for (const request of left) {
      if (request.inFlight === 0) {
        request.ending?.lost();
        this.#end(request, why(request.what), undefined);
        continue;
      }
      request.left = 0;
      // Its memory stays pinned until its last command has completed, but its caller does not wait for that.
      this.#uncount(request);
      request.ending?.lost();
      if (request.settle()) request.reject(why(request.what));
    }
    if (this.#pending > 0) this.count(-this.#pending);
    return left.size;
  }

  #rejection(request: IoRequest): SpdkError | undefined {
    if (this.rejection) return this.rejection();
    if (request.signal?.aborted) return abortError(request.what, request.signal);
    const bytes = request.wholeBytes;
    if (bytes > 0 && bytes > this.#services.maxBytes()) return tooLongError(bytes, this.#services.maxBytes());
    return undefined;
  }

  /** The error for an operation that would have to wait behind as many as may. */
  #fullError(request: IoRequest): SpdkError | undefined {
    const { maxWaiting } = this.#services;
    if (this.#roomNow() || this.#waiting.length < maxWaiting) return undefined;
    return new SpdkError(
      'ERR_SPDK_QUEUE_FULL',
      `${request.what}: ${maxWaiting} operations already wait for ${this.name}. Await some of them first, or raise maxWaiting`,
    );
  }

  /** Whether a new operation need not wait behind others. */
  #roomNow(): boolean {
    return this.ring.free > 0 && this.#waiting.length === 0 && this.waitsIn === undefined;
  }

  #accept(request: IoRequest): void {
    request.counted = true;
    this.count(1);
    this.#begin(request);
  }

  #begin(request: IoRequest): void {
    if (this.#waiting.length === 0 && this.waitsIn === undefined) {
      while (request.left > 0 && request.inFlight < request.window && this.ring.free > 0) {
        if (!this.#send(request)) break;
      }
    }
    if (request.left === 0) return;
    try {
      request.keepSource();
    } catch (error) {
      this.#fail(request, error as SpdkError);
      return;
    }
    if (request.inFlight < request.window) this.#waiting.push(request);
  }

  /** Sends one command of the first waiting request. False when there is no memory for it now. */
  #serve(request: IoRequest): boolean {
    if (!this.#send(request)) return false;
    if (this.#waiting.has(request)) this.#waiting.remove(request);
    if (request.left > 0 && request.inFlight < request.window) this.#waiting.push(request);
    return true;
  }

  /** Sends a request's next command; there is a slot. False when there is no memory for it now. */
  #send(request: IoRequest): boolean {
    let { region, offset } = request;
    let chunk: BounceChunk | undefined;
    const { source } = request;
    if (source || request.target) {
      const length = request.dataAt(request.sent);
      try {
        chunk = this.#services.bounce.take(length, this);
      } catch (error) {
        this.#fail(request, error as SpdkError);
        return true;
      }
      if (!chunk) return false;
      ({ region, offset } = chunk);
      try {
        if (source) gather(source, request.sent - request.sourceStart, length, region.bytes, offset);
        // If the controller transfers less, the rest must not be data of another operation.
        else if (request.raw) region.bytes.fill(0, offset, offset + length);
      } catch (cause) {
        this.#services.bounce.give(chunk);
        this.#fail(request, goneError(request, cause));
        return true;
      }
    }
    const slot = this.ring.take();
    this.#requests[slot] = request;
    request.slot = slot;
    this.#chunks[slot] = chunk;
    this.#dataOffsets[slot] = request.sent;
    describeCommand(this.ring, slot, request, region, offset);
    request.sent += request.partAt(request.sent);
    request.left--;
    request.inFlight++;
    this.ring.push(slot);
    // All operations of one turn of JavaScript go out with one call.
    if (!this.#publishing) {
      this.#publishing = true;
      eventLoop.soon(this.#publish);
    }
    return true;
  }

  readonly #publish = (): void => {
    if (this.#publishing && !this.#ended) this.publish();
  };

  #deliver(request: IoRequest, slot: number, chunk: BounceChunk): void {
    const { target } = request;
    const offset = this.#dataOffsets[slot] as number;
    try {
      if (target) scatter(target, offset, request.dataAt(offset), chunk.region.bytes, chunk.offset);
    } catch (cause) {
      request.failure ??= cause instanceof SpdkError ? cause : goneError(request, cause);
      this.#sendNoMore(request);
    }
  }

  #sendNoMore(request: IoRequest): void {
    request.left = 0;
    if (this.#waiting.has(request)) this.#waiting.remove(request);
  }

  /** Ends a request that cannot continue, after its outstanding commands. */
  #fail(request: IoRequest, error: SpdkError): void {
    request.failure ??= error;
    this.#sendNoMore(request);
    if (request.inFlight === 0) this.#finish(request, 0);
  }

  /** Ends a request of which all commands have ended. */
  #finish(request: IoRequest, result: number): void {
    const { status, failure } = request;
    if (status >= 0) {
      if (isAborted(status)) this.counts.aborted++;
      else this.counts.completed++;
    }
    request.ending?.commandsEnded(Math.max(status, 0), !failure && request.sent >= request.transferBytes);
    const failed = failure ?? (status > 0 ? status : undefined);
    this.#end(request, failed, request.raw ? result : request.value);
  }

  /** Settles a request of which nothing is outstanding or will be sent here, unless it goes on over another path. */
  #end(request: IoRequest, failure: CommandFailure | undefined, value: unknown): void {
    const { counted } = request;
    this.#uncount(request);
    if (counted) this.count(-1);
    // A request that was cancelled before does not go on over another path.
    if (failure && !request.settled && request.failover?.retry(failure)) return;
    request.letGo(this.memory);
    if (!request.settle()) return;
    if (failure) request.reject(failureError(request.what, failure));
    else request.resolve(value);
  }

  timeoutHint(request: IoRequest): string {
    if (request.inFlight > 0) return 'The controller may still carry it out; its memory is kept until then';
    const awaited = this.waitsIn ? 'memory to copy data through' : `room in ${this.name}`;
    return waitingHint(request, awaited);
  }

  /**
   * Settles the promise before the controller has completed the command, or when that has been aborted there. The memory stays in use
   * until then.
   */
  cancel(request: IoRequest, error: SpdkError): void {
    const { inFlight } = request;
    const chosen = request.onTimeout ?? this.#services.onTimeout;
    // A reset would disturb everything else that the controller does, and a read changes nothing.
    const onTimeout = chosen === 'reset' && error.cause === unwanted ? 'none' : chosen;
    if (onTimeout !== 'none' && inFlight > 0)
      request.ending ??= new RequestEnd(request, error, (outcome) => {
        request.endAtController(outcome);
        this.#abandon(request);
      });
    if (request.settle() && !request.ending)
      request.reject(inFlight > 0 ? error : withoutCommands(request, error));
    this.#sendNoMore(request);
    if (inFlight === 0) {
      this.#end(request, undefined, undefined);
      return;
    }
    if (!request.ending) this.#abandon(request);
    for (const slot of this.#slotsOf(request)) {
      this.ring.cancel(slot);
      if (onTimeout === 'abort') this.#abort(slot, request.ending);
    }
    if (onTimeout === 'reset') this.#services.reset();
  }

  /** The slots of its outstanding commands. Most have one; thousands may be cancelled together, and none looks through all slots then. */
  #slotsOf(request: IoRequest): readonly number[] {
    if (request.inFlight === 1 && this.#requests[request.slot] === request) return [request.slot];
    return [...this.#requests.keys()].filter((slot) => this.#requests[slot] === request);
  }

  #abort(slot: number, ending: RequestEnd | undefined): void {
    ending?.aborting();
    this.ring.keep(slot);
    // Commands that are to be published in this turn are sent first.
    this.publish();
    this.#services.abort(slot, (outcome) => {
      this.ring.release(slot);
      ending?.abortEnded(outcome);
      if (this.#ended) return;
      this.fill();
      this.#services.roomMade();
    });
  }

  /** The caller may have changed its buffer since: what goes out again is what was sent. */
  #keepSent(request: IoRequest, chunk: BounceChunk): void {
    if (!request.failover || request.settled) return;
    try {
      request.keepSent(chunk.region.bytes, chunk.offset);
    } catch (error) {
      request.failure ??= error as SpdkError;
    }
  }
}

function goneError(request: IoRequest, cause: unknown): SpdkError {
  const message = `${request.what}: the buffer was detached or shrunk before its data was copied`;
  return new SpdkError('ERR_SPDK_INVALID_BUFFER', message, { cause });
}
