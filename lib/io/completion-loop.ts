// When this thread polls for completions, and when a poller does.

import { eventLoop } from '../internal/event-loop.js';
import { ProcessHold } from '../internal/process-hold.js';
import type { PollingMode } from '../options/attach.js';

/** A queue pair, as far as its completions go. */
export interface Reaped {
  /** Its index among the queue pairs of its loop. */
  readonly index: number;
  /** The poller of its set, all of which is polled by one call; -1 for the JavaScript thread. */
  readonly poller: number;
  /** Polls its set, if this thread may, for up to this many microseconds. */
  poll(spinUs: number): void;
  /** Reaps what has completed. True if that was something. */
  reap(): boolean;
  /** Asks native code to call for the next completion, and the poller to poll meanwhile. */
  requestWake(): void;
  /** Withdraws that request: this thread polls itself. */
  withdrawWake(): void;
}

/**
 * How often an idle queue pair that only this thread polls is polled, as often as a poller does, so that a lost connection is
 * noticed. Over TCP native code calls as soon as the connection ends.
 */
const idlePollMs = 100;
/**
 * How long a turn polls for first completions: a turn of the event loop takes a good part of that, and adds to the latency of
 * what completes meanwhile.
 */
const spinUs = 10;
/**
 * How long one turn of the event loop goes on polling while completions are found: what their callers start in reply completes sooner than
 * the loop comes round.
 */
const longestTurnMs = 0.5;
/** Sets that this JavaScript thread polls in each turn of its event loop. */
let polledSets = 0;

/** @internal How long to poll a set for the first completion: all sets share the time. */
export function spinTimeUs(): number {
  return Math.floor(spinUs / Math.max(polledSets, 1));
}

/** How long this thread polls and finds nothing before it leaves that to a poller: what takes longer is slow anyway. */
const patienceMs = 5;

/**
 * Sees to it that completions are reaped while operations are pending. With `threads` the pollers call for it; with
 * `inline` this thread polls in each turn of the event loop; with `adaptive` it does so too, and a poller calls for it
 * when completions are rare.
 */
export class CompletionLoop {
  readonly #mode: PollingMode;
  readonly #queuePairs: Reaped[] = [];
  // By index, and not sets of queue pairs: one operation after the other changes these twice each, and V8 makes a set anew that it empties.
  /** Whether a queue pair has pending operations. */
  readonly #busy: boolean[] = [];
  #busyCount = 0;
  /** Whether a caller waits for one of them, which keeps the process alive. */
  readonly #awaited: boolean[] = [];
  #awaitedCount = 0;
  #turn: NodeJS.Immediate | undefined;
  /** Whether this turn polls once more when JavaScript has dealt with what completed. */
  #again = false;
  /** When this turn ends at the latest, on the clock of `performance.now()`. */
  #turnEnd = 0;
  /** Sets that the last turn polled, which are among `polledSets`. */
  #sets = 0;
  #idle: NodeJS.Timeout | undefined;
  readonly #hold = new ProcessHold();
  /** Since when polling has found nothing, on the clock of `performance.now()`. */
  #inVainSince: number | undefined;
  /** Whether this thread leaves polling to the poller. */
  #rests = false;
  #stopped = false;

  constructor(mode: PollingMode) {
    this.#mode = mode;
  }

  start(queuePairs: readonly Reaped[]): void {
    this.#queuePairs.push(...queuePairs);
    for (const { index } of queuePairs) this.#busy[index] = this.#awaited[index] = false;
    if (this.#mode === 'inline') this.#idle = eventLoop.setInterval(() => this.reapAll(), idlePollMs).unref();
    if (this.#mode === 'threads') for (const queuePair of queuePairs) queuePair.requestWake();
  }

  /** Reaps the completions of every queue pair. Native code calls for it, or there is some other reason. */
  reapAll(): void {
    for (const queuePair of this.#queuePairs) {
      // Before the reap: native code calls for what completes afterwards.
      if (this.#mode === 'threads') queuePair.requestWake();
      if (this.#mode === 'inline') queuePair.poll(0);
      queuePair.reap();
    }
    this.resumePolling();
  }

  /** Notes whether a queue pair has pending operations, and whether a caller waits for one. */
  setBusy({ index }: Reaped, busy: boolean, awaited = busy): void {
    // A busy queue pair would keep the process alive, and nothing would end that.
    if (this.#stopped) return;
    if (busy !== this.#busy[index]) this.#busyCount += busy ? 1 : -1;
    if (awaited !== this.#awaited[index]) this.#awaitedCount += awaited ? 1 : -1;
    this.#busy[index] = busy;
    this.#awaited[index] = awaited;
    if (this.#mode === 'threads') this.#hold.set(this.#awaitedCount > 0);
    else if (busy) this.resumePolling();
    else if (this.#busyCount === 0) this.#hold.set(false);
  }

  /** Makes this thread poll again, if it polls at all: commands were published, or are waited for. */
  resumePolling(): void {
    if (this.#turn || this.#again || this.#busyCount === 0 || this.#mode === 'threads' || this.#stopped)
      return;
    this.#inVainSince = undefined;
    this.#setResting(false);
    this.#turn = eventLoop.setImmediate(this.#begin);
  }

  stop(): void {
    this.#stopped = true;
    eventLoop.clearInterval(this.#idle);
    this.#hold.set(false);
    if (this.#turn) eventLoop.clearImmediate(this.#turn);
    this.#busy.fill(false);
    this.#awaited.fill(false);
    this.#busyCount = this.#awaitedCount = 0;
    this.#turn = undefined;
    this.#count(0);
  }

  #count(sets: number): void {
    polledSets += sets - this.#sets;
    this.#sets = sets;
  }

  readonly #begin = (): void => {
    this.#turnEnd = eventLoop.now() + longestTurnMs;
    this.#poll();
  };

  readonly #poll = (): void => {
    // One of these is still set: the operations that start in here need no further turn.
    const worked = this.#reapBusy();
    this.#turn = undefined;
    // Also when nothing is busy any more: those whose operations have completed may start others.
    this.#again = worked && !this.#stopped && eventLoop.now() < this.#turnEnd;
    if (this.#again) {
      this.#inVainSince = undefined;
      eventLoop.afterMicrotasks(this.#poll);
      return;
    }
    // A turn keeps the process alive. Where there is no poller, what no caller waits for is polled as an idle queue pair is.
    const count = this.#mode === 'inline' ? this.#awaitedCount : this.#busyCount;
    const over = count === 0 || this.#stopped;
    // A call of resumePolling() while polling comes to rest makes it go on.
    if (over || (this.#mode === 'adaptive' && this.#restsAfter(worked))) this.#count(0);
    else this.#turn ??= eventLoop.setImmediate(this.#begin);
  };

  #reapBusy(): boolean {
    let worked = false;
    let sets = 0;
    let polled: number | undefined;
    const spin = spinTimeUs();
    for (const queuePair of this.#queuePairs) {
      if (!this.#busy[queuePair.index]) continue;
      // Queue pairs of one set are next to each other.
      if (queuePair.poller !== polled) {
        queuePair.poll(spin);
        sets++;
      }
      polled = queuePair.poller;
      if (queuePair.reap()) worked = true;
    }
    this.#count(sets);
    return worked;
  }

  /** Leaves polling to the poller once it has found nothing for long. */
  #restsAfter(worked: boolean): boolean {
    if (worked) {
      this.#inVainSince = undefined;
      return false;
    }
    const now = eventLoop.now();
    this.#inVainSince ??= now;
    if (now - this.#inVainSince < patienceMs) return false;
    this.#setResting(true);
    // For what completed before the request no call comes.
    if (this.#reapBusy()) {
      this.#setResting(false);
      return false;
    }
    this.#hold.set(this.#awaitedCount > 0);
    return true;
  }

  #setResting(rests: boolean): void {
    if (rests === this.#rests) return;
    this.#rests = rests;
    for (const queuePair of this.#queuePairs) {
      if (rests) queuePair.requestWake();
      else queuePair.withdrawWake();
    }
  }
}
