// The calls of `batch.wait()` that wait for a completion.

import { abortError, SpdkError } from '../errors/spdk-error.js';
import { eventLoop, setLimit } from '../internal/event-loop.js';
import { offAbort, onAbort } from '../internal/signals.js';
import { checkInteger, readOptions } from '../options/arguments.js';
import { checkSignal, maxTimerMs } from '../options/common.js';

/** What `batch.wait` takes; all keys are optional. */
export interface BatchWaitOptions {
  /**
   * Rejects with ERR_SPDK_TIMEOUT after this many milliseconds. The commands continue, and `wait()` can be
   * called again.
   */
  readonly timeoutMs?: number | undefined;
  /** Rejects with ERR_SPDK_ABORTED when it fires. The commands continue, and `wait()` can be called again. */
  readonly signal?: AbortSignal | undefined;
}

interface WaitLimits {
  /** The end of the wait, on the clock of `performance.now()`. */
  readonly deadline: number;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

const noLimits: WaitLimits = { deadline: Number.POSITIVE_INFINITY, timeoutMs: 0, signal: undefined };

/** Checks the options of `batch.wait`. */
export function waitLimits(options: unknown): WaitLimits {
  if (options === undefined) return noLimits;
  const given = readOptions(options, 'wait options', ['timeoutMs', 'signal']);
  const timeout = given.get('timeoutMs');
  const signal = given.get('signal');
  const limits = {
    signal: signal === undefined ? undefined : checkSignal(signal),
    timeoutMs: timeout === undefined ? 0 : checkInteger(timeout, 'timeoutMs', 1, maxTimerMs, 'milliseconds'),
  };
  if (limits.signal?.aborted) throw abortError('Waiting for the batch', limits.signal);
  const deadline = timeout === undefined ? noLimits.deadline : eventLoop.now() + limits.timeoutMs;
  return { ...limits, deadline };
}

interface Waiter {
  /** The loop that it belongs to, if any. */
  readonly loop: object | undefined;
  readonly resolve: (count: number) => void;
  readonly reject: (error: unknown) => void;
  readonly signal: AbortSignal | undefined;
  onAbort: (() => void) | undefined;
  timer: NodeJS.Timeout | undefined;
}

/** The calls of `wait()` that wait for a completion, the first first. */
export class BatchWaiters {
  readonly #waiters: Waiter[] = [];
  readonly #commandDeadline: () => number;
  readonly #ioTimeoutMs: number | undefined;
  readonly #givenUp: () => void;

  /**
   * @param commandDeadline when the oldest command is too old, on the clock of `performance.now()`
   * @param givenUp called when the last one has timed out or was aborted
   */
  constructor(ioTimeoutMs: number | undefined, commandDeadline: () => number, givenUp: () => void) {
    this.#ioTimeoutMs = ioTimeoutMs;
    this.#commandDeadline = commandDeadline;
    this.#givenUp = givenUp;
  }

  get length(): number {
    return this.#waiters.length;
  }

  /** @param loop what {@link leave} is called with */
  add(limits: WaitLimits, loop: object | undefined): Promise<number> {
    return new Promise((resolve, reject) => {
      const { signal } = limits;
      const waiter: Waiter = { loop, resolve, reject, signal, onAbort: undefined, timer: undefined };
      if (signal) {
        waiter.onAbort = () => this.#reject(waiter, abortError('Waiting for the batch', signal));
        onAbort(signal, waiter.onAbort);
      }
      this.#waiters.push(waiter);
      this.#arm(waiter, limits);
    });
  }

  /** Resolves the first waiter, which has completions. */
  resolve(count: number): void {
    const waiter = this.#waiters.shift();
    if (!waiter) return;
    this.#disarm(waiter);
    waiter.resolve(count);
  }

  /** Ends the waiters of a loop that has ended: they resolve with 0. */
  leave(loop: object): void {
    for (const waiter of this.#waiters.filter((one) => one.loop === loop)) {
      this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
      this.#disarm(waiter);
      waiter.resolve(0);
    }
  }

  /** Ends all waiters: no command is outstanding any more. */
  endAll(error: SpdkError | undefined): void {
    for (const waiter of this.#waiters.splice(0)) {
      this.#disarm(waiter);
      if (error) waiter.reject(error);
      else waiter.resolve(0);
    }
  }

  #arm(waiter: Waiter, limits: WaitLimits): void {
    const deadline = Math.min(limits.deadline, this.#commandDeadline());
    if (deadline === Number.POSITIVE_INFINITY) return;
    const left = deadline - eventLoop.now();
    waiter.timer = setLimit(() => this.#onTimer(waiter, limits), Math.max(0, Math.ceil(left)));
  }

  #onTimer(waiter: Waiter, limits: WaitLimits): void {
    if (!this.#waiters.includes(waiter)) return;
    const now = eventLoop.now();
    if (limits.deadline <= now) {
      this.#reject(waiter, timeoutError(`No command of the batch completed within ${limits.timeoutMs} ms`));
    } else if (this.#commandDeadline() <= now) {
      const what = `A command of the batch takes more than ${this.#ioTimeoutMs} ms, the controller's ioTimeoutMs`;
      this.#reject(waiter, timeoutError(what));
    } else {
      // The command that was the oldest then has completed.
      this.#arm(waiter, limits);
    }
  }

  #reject(waiter: Waiter, error: SpdkError): void {
    const index = this.#waiters.indexOf(waiter);
    if (index < 0) return;
    this.#waiters.splice(index, 1);
    this.#disarm(waiter);
    if (this.#waiters.length === 0) this.#givenUp();
    waiter.reject(error);
  }

  #disarm(waiter: Waiter): void {
    eventLoop.clearTimeout(waiter.timer);
    if (waiter.signal && waiter.onAbort) offAbort(waiter.signal, waiter.onAbort);
  }
}

function timeoutError(what: string): SpdkError {
  return new SpdkError('ERR_SPDK_TIMEOUT', `${what}. It stays outstanding; wait again, or close the batch`);
}
