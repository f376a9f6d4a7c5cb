// Sends requests over one of several paths, and over another one if the first does not carry them out.

import { type CommandFailure, commandStatus, neverSent } from '../errors/command-status.js';
import { abortError, SpdkError } from '../errors/spdk-error.js';
import { eventLoop } from '../internal/event-loop.js';
import { ProcessHold } from '../internal/process-hold.js';
import type { DmaMemory } from '../io/dma-memory.js';
import type { IoRequest, RequestHolder } from '../io/request.js';
import { waitingHint, withoutCommands } from '../io/request-end.js';
import { WriteOrder } from '../io/write-order.js';
import { Failover, type FailoverOwner } from './failover.js';
import { type Verdict, verdictOn } from './failure.js';
import type { IoPath } from './io-path.js';
import type { Selector } from './selector.js';

/** What the router needs of the namespace and its subsystem. */
export interface RouterServices {
  readonly memory: DmaMemory;
  readonly selector: Selector;
  /** How many operations may wait here. */
  readonly maxWaiting: number;
  /** The error for operations that are not to be sent any more; undefined if they are accepted. */
  readonly rejection: () => SpdkError | undefined;
  /** Whether some path may become usable. */
  readonly returning: () => boolean;
  /** Operations begin to wait for a path, or end because there will be none. */
  readonly onNoPath: () => void;
}

/** Attempts that paths may reject one after the other, though they are up. */
const maxRejections = 8;
/** ANA statuses for one request; more of them only if the log says something else than the controller's statuses. */
const maxAnaStatuses = 8;
/** Repetitions that the controller may ask for. bdev_nvme repeats a command as often. */
const maxRepetitions = 3;
const firstPauseMs = 5;

/**
 * The requests of one namespace. Each is in the queue of a path, or here: because it waits for a path, for the time after
 * which it goes out again, or for earlier writes of the same blocks.
 */
export class RequestRouter implements RequestHolder, FailoverOwner {
  readonly #services: RouterServices;
  readonly #order = new WriteOrder<Failover>();
  /** Requests that wait for a path, in order. */
  readonly #waiting = new Set<IoRequest>();
  /** Requests that pause before they go out again. */
  readonly #pausing = new Map<IoRequest, NodeJS.Timeout>();
  /** Writes whose turn has come. They go one after the other, not each inside the end of the one before: any number may wait. */
  readonly #next: Failover[] = [];
  #sending = false;
  /** Keeps the process alive while something waits, which no other timer or handle may do. */
  readonly #hold = new ProcessHold();

  constructor(services: RouterServices) {
    this.#services = services;
  }

  /** Requests that wait for a path. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** @throws {SpdkError} ERR_SPDK_NO_PATH; the errors of the operation on one path */
  run<Value>(request: IoRequest): Promise<Value> {
    const promise = request.promise<Value>();
    if (this.#begin(request)) {
      const failover = request.failover as Failover;
      if (!request.changesData || this.#order.enter(failover)) this.go(failover);
      else this.#keep(request);
    }
    return promise;
  }

  /** Begins a request. False if it has ended immediately. */
  #begin(request: IoRequest): boolean {
    const { signal } = request;
    try {
      if (signal?.aborted) throw abortError(request.what, signal);
      // A queue has the data of one command only when it fails.
      if (request.left > 1) request.keepSource();
      if (!request.start(this, this.#services.memory)) return false;
      request.failover = new Failover(this, request);
      return true;
    } catch (error) {
      request.reject(error);
      return false;
    }
  }

  /** Sends a request over the path whose turn it is. */
  go(failover: Failover): void {
    const { request } = failover;
    const chosen = this.#services.selector.choose(failover.avoided);
    if (chosen === undefined) {
      this.#wait(request);
      return;
    }
    failover.enter(chosen);
    request.tag = chosen.namespace.tag;
    chosen.namespace.limitsFor(undefined).queue.acceptStarted(request);
    failover.accepted = true;
  }

  /** Takes back a request that a path did not carry out. True if the request continues. */
  retry(failover: Failover, failure: CommandFailure): boolean {
    const { request } = failover;
    const on = failover.leave();
    request.holder = this;
    const verdict = this.#verdict(failover, on, failure);
    if (verdict === 'lost') on.path.suspect();
    // Whatever the verdict: that a path was suspected falsely before says nothing of its connection now.
    if (!request.unsent && failover.attempted !== 'lost')
      failover.attempted = verdictOn(failure) === 'lost' ? 'lost' : 'ended';
    if (verdict === 'ana') on.doubt();
    failover.avoided = verdict === 'rejected' ? [...failover.absentFrom, on] : failover.absentFrom;
    if (verdict === 'final' || (request.once && !request.unsent && !neverSent(failure))) return false;
    const rejection = this.#services.rejection();
    if (rejection) {
      this.#end(request, rejection);
      return true;
    }
    request.rewind();
    const pauseMs = this.#pauseOf(failover, on, verdict, commandStatus(failure)?.crd ?? 0);
    if (pauseMs === undefined) return false;
    on.path.counts.failedOver++;
    if (pauseMs === 0) this.go(failover);
    else if (this.#keep(request)) this.#pause(failover, pauseMs);
    return true;
  }

  /** Sends the writes that waited for a request whose promise is settled. */
  settled(failover: Failover): void {
    if (!failover.ordered) return;
    for (const next of this.#order.leave(failover)) this.#next.push(next);
    if (this.#sending) return;
    this.#sending = true;
    for (let next = this.#next.shift(); next; next = this.#next.shift()) this.go(next);
    this.#sending = false;
  }

  timeoutHint(request: IoRequest): string {
    const next = this.#pausing.has(request) ? 'its next attempt' : 'earlier writes of the same blocks';
    return waitingHint(request, this.#waiting.has(request) ? 'a path' : next);
  }

  /** Ends a request that is here: called by its limits. */
  cancel(request: IoRequest, error: SpdkError): void {
    this.#end(request, error);
  }

  /** Sends or rejects the requests here, when a path or its state has changed. */
  update(): void {
    if (this.#waiting.size === 0 && this.#pausing.size === 0) return;
    const { selector, returning, rejection } = this.#services;
    const usable = selector.best.length > 0;
    const error = rejection() ?? (usable || returning() ? undefined : noPathError());
    if (!error && !usable) return;
    // Requests that pause are sent again by their timers, unless they have to end.
    if (error) for (const request of this.#pausing.keys()) this.#end(request, error);
    for (const request of [...this.#waiting]) {
      if (error) this.#end(request, error);
      else if (this.#forget(request)) this.go(request.failover as Failover);
    }
  }

  #verdict(failover: Failover, on: IoPath, failure: CommandFailure): Verdict {
    const verdict = verdictOn(failure);
    // The path was suspected before and was still connected: the controller itself aborts commands.
    if (verdict === 'lost' && commandStatus(failure) && on.path.falselySuspected) return 'rejected';
    if (verdict === 'absent') {
      failover.absentFrom = [...failover.absentFrom, on];
      return this.#services.selector.hasOther(failover.absentFrom) ? 'rejected' : 'final';
    }
    if (verdict !== 'ana') return verdict;
    // Without an ANA log a change of the state is not reported; with one that contradicts the status, retries would never end.
    return on.path.reportsAna && failover.anaStatuses++ < maxAnaStatuses ? 'ana' : 'rejected';
  }

  /** Milliseconds until a request goes out again; undefined if it does not. */
  #pauseOf(failover: Failover, on: IoPath, verdict: Verdict, crd: number): number | undefined {
    const askedMs = on.path.retryDelayMs(crd);
    if (verdict === 'later') return failover.repetitions++ < maxRepetitions ? askedMs : undefined;
    // A lost path, or one that does not reach the namespace now, is not chosen again before it has changed.
    if (verdict !== 'rejected') return 0;
    if (failover.rejections++ >= maxRejections) return undefined;
    if (failover.rejections === 1 && this.#services.selector.hasOther([on])) return 0;
    return Math.max(askedMs, firstPauseMs * 2 ** (failover.rejections - 1));
  }

  #pause(failover: Failover, ms: number): void {
    const { request } = failover;
    const timer = eventLoop.setTimeout(() => {
      if (this.#forget(request)) this.go(failover);
    }, ms);
    this.#pausing.set(request, timer);
  }

  #wait(request: IoRequest): void {
    request.holder = this;
    const rejection = this.#services.rejection();
    if (!rejection) this.#services.onNoPath();
    const error = rejection ?? (this.#services.returning() ? undefined : noPathError());
    if (error) {
      this.#end(request, error);
      return;
    }
    if (!this.#keep(request)) return;
    this.#waiting.add(request);
    this.#hold.set(true);
  }

  /**
   * Keeps the data of a request that is not sent now. False if the request has ended: for lack of memory, or because it is new and
   * `maxWaiting` requests wait already.
   */
  #keep(request: IoRequest): boolean {
    const failover = request.failover as Failover;
    try {
      if (!failover.accepted) this.#checkRoom(request);
      failover.accepted = true;
      request.keepSource();
      return true;
    } catch (error) {
      this.#end(request, error as SpdkError);
      return false;
    }
  }

  /** @throws {SpdkError} ERR_SPDK_QUEUE_FULL */
  #checkRoom(request: IoRequest): void {
    const { maxWaiting } = this.#services;
    // A write that waits for its turn is among them itself.
    const others = (request.failover as Failover).before > 0 ? this.#order.waiting - 1 : this.#order.waiting;
    if (this.#waiting.size + this.#pausing.size + others < maxWaiting) return;
    throw new SpdkError(
      'ERR_SPDK_QUEUE_FULL',
      `${request.what}: ${maxWaiting} operations already wait for a path, or for earlier writes of the same blocks. Await some of them first, or raise maxWaiting`,
    );
  }

  /** Removes a request. False if it is not here, or waits for its turn. */
  #forget(request: IoRequest): boolean {
    eventLoop.clearTimeout(this.#pausing.get(request));
    const was = this.#pausing.delete(request) || this.#waiting.delete(request);
    if (this.#waiting.size === 0) this.#hold.set(false);
    return was;
  }

  #end(request: IoRequest, error: SpdkError): void {
    this.#forget(request);
    request.letGo(this.#services.memory);
    if (request.settle()) request.reject(withoutCommands(request, error));
    // The write that it waited for may remember it for long.
    request.source = undefined;
  }
}

function noPathError(): SpdkError {
  return new SpdkError(
    'ERR_SPDK_NO_PATH',
    'No path to the namespace is usable, and none is expected to become usable in time',
  );
}
