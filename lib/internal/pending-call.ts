// Promises that settle on time, whatever native code does.

import {
  abortError,
  codedError,
  SpdkError,
  type SpdkErrorCode,
  type SpdkErrorDetails,
  type SpdkTypeError,
} from '../errors/spdk-error.js';
import { eventLoop, setLimit } from './event-loop.js';
import { ProcessHold } from './process-hold.js';
import { offAbort, onAbort } from './signals.js';

/** The limits of a pending call. */
export interface CallLimits {
  /** What the messages call it, as in 'Attaching nqn.2016-06.io.spdk:cnode1'. */
  readonly what: string;
  readonly timeoutMs: number;
  /** When that time began to count, as `performance.now()`: for a part of something longer. Default: now. */
  readonly since?: number;
  readonly timeoutCode: SpdkErrorCode;
  readonly timeoutHint: string;
  readonly signal?: AbortSignal | undefined;
  /** Reports to native code that the call was cancelled. */
  readonly cancel?: () => void;
  /** Finds out what more the error should say when the time is over; not waited for longer than half a second. */
  readonly explain?: (done: (details: SpdkErrorDetails) => void) => void;
}

const explainLimitMs = 500;

/**
 * A promise that always settles: by native code, by the deadline, or by an AbortSignal, whichever is first; what
 * comes later is ignored. It keeps the process alive for as long as the call is pending, and no longer.
 */
export class PendingCall<Result> {
  readonly promise: Promise<Result>;
  #settled = false;
  #resolve!: (result: Result) => void;
  #reject!: (error: unknown) => void;
  #timer: NodeJS.Timeout | undefined;
  readonly #hold = new ProcessHold();
  readonly #limits: CallLimits;

  private constructor(limits: CallLimits) {
    // Its own properties only: a program may have added others to Object.prototype. Hints may depend on what happens until they are needed.
    this.#limits = Object.create(null, Object.getOwnPropertyDescriptors(limits)) as CallLimits;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /**
   * The only way to begin one. Anything that throws, including the call into native code, settles the call: no timer
   * and no listener remains, and no rejection is unhandled.
   * @param handOver passes the work to native code; not called if the signal has already fired or the time is over
   */
  static start<Result>(
    limits: CallLimits,
    handOver: (call: PendingCall<Result>) => void,
  ): PendingCall<Result> {
    const call = new PendingCall<Result>(limits);
    call.attempt(() => {
      if (call.#limit()) handOver(call);
    });
    return call;
  }

  /** A call into native code, whose error settles the call. */
  attempt(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.reject(codedError(`${this.#limits.what} could not begin`, error));
    }
  }

  get settled(): boolean {
    return this.#settled;
  }

  resolve(result: Result): void {
    if (this.#settle()) this.#resolve(result);
  }

  reject(error: unknown): void {
    if (this.#settle()) this.#reject(error);
  }

  /** Rejects, and reports to native code that the call was cancelled. */
  cancel(error: SpdkError | SpdkTypeError): void {
    if (!this.#settle()) return;
    this.#cancelNative();
    this.#reject(error);
  }

  /** Starts the limits. False when the call is over before it has begun. */
  #limit(): boolean {
    const { what, signal, timeoutMs, since } = this.#limits;
    const left = since === undefined ? timeoutMs : timeoutMs - (eventLoop.now() - since);
    if (signal?.aborted) this.reject(abortError(what, signal));
    else if (left <= 0) this.reject(this.#timeoutError());
    if (this.#settled) return false;
    if (signal) onAbort(signal, this.#onAbort);
    // An object that only looks like a signal may have fired in onAbort().
    if (this.#settled) return false;
    this.#timer = setLimit(this.#onTimeout, Math.ceil(left));
    this.#hold.set(true);
    return true;
  }

  #settle(): boolean {
    if (this.#settled) return false;
    this.#settled = true;
    eventLoop.clearTimeout(this.#timer);
    this.#hold.set(false);
    if (this.#limits.signal) offAbort(this.#limits.signal, this.#onAbort);
    return true;
  }

  /** An error during the cancellation, if any: it must not replace the result. */
  #cancelNative(): SpdkError | SpdkTypeError | undefined {
    try {
      this.#limits.cancel?.();
      return undefined;
    } catch (error) {
      return codedError(`${this.#limits.what} could not be cancelled`, error);
    }
  }

  #timeoutError(details?: SpdkErrorDetails): SpdkError {
    const { what, timeoutMs, timeoutCode, timeoutHint } = this.#limits;
    return new SpdkError(timeoutCode, `${what} took more than ${timeoutMs} ms. ${timeoutHint}`, details);
  }

  readonly #onAbort = (): void => {
    const { what, signal } = this.#limits;
    if (signal) this.cancel(abortError(what, signal));
  };

  readonly #onTimeout = (): void => {
    if (!this.#settle()) return;
    const failure = this.#cancelNative();
    const done = (details: SpdkErrorDetails): void => {
      eventLoop.clearTimeout(unexplained);
      this.#reject(this.#timeoutError(failure ? { ...details, cause: failure } : details));
    };
    const unexplained = eventLoop.setTimeout(done, explainLimitMs, {});
    try {
      if (this.#limits.explain) this.#limits.explain(done);
      else done({});
    } catch (cause) {
      done({ cause });
    }
  };
}

/** Waits for a shared promise until this caller's own deadline. The work continues after that. */
export function waitFor<Result>(shared: Promise<Result>, limits: CallLimits): Promise<Result> {
  return PendingCall.start<Result>(limits, (call) => {
    shared.then(
      (result) => call.resolve(result),
      (error) => call.reject(error),
    );
  }).promise;
}

/** Waits until a shared promise has settled, whatever its outcome, but not beyond this caller's own limits. Never rejects. */
export function waitForEnd(shared: Promise<unknown>, limits: CallLimits): Promise<void> {
  const ignore = () => {};
  return waitFor(shared.then(ignore, ignore), limits).catch(ignore);
}

/** Waits for a close that an earlier call has begun. */
export function waitForClose(closing: Promise<void>, what: string, timeoutMs: number): Promise<void> {
  return waitFor(closing, {
    what: `Waiting for ${what} to be closed`,
    timeoutMs,
    timeoutCode: 'ERR_SPDK_TIMEOUT',
    timeoutHint: 'Closing continues, within the time limit of the first call.',
  });
}

/** A promise that is settled from outside, without a deadline; callers wait for it with {@link waitFor}. */
export class Outcome<Result> {
  readonly promise: Promise<Result>;
  resolve!: (result: Result) => void;
  reject!: (error: unknown) => void;

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    // All callers may have stopped waiting by then.
    this.promise.catch(() => {});
  }

  /** Settles as the work does. The promise is there before it begins, for what the work calls. */
  follow(work: Promise<Result>): void {
    work.then(this.resolve, this.reject);
  }
}
