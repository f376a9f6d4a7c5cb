import { abortError, SpdkError, type SpdkErrorCode, type SpdkErrorDetails } from './errors.js';

/** How a pending operation may end before native code answers. */
export interface OperationLimits {
  /** What the messages call it, as in 'Attaching nqn.2016-06.io.spdk:cnode1'. */
  readonly what: string;
  readonly timeoutMs: number;
  /** The code of the error when the time is over. */
  readonly timeoutCode: SpdkErrorCode;
  readonly timeoutHint: string;
  readonly signal?: AbortSignal | undefined;
  /** Tells native code that nobody waits any more. */
  readonly giveUp: () => void;
  /** Finds out what more the error should say when the time is over; not waited for longer than half a second. */
  readonly explain?: (tell: (details: SpdkErrorDetails) => void) => void;
}

const explainLimitMs = 500;

/**
 * A promise that always settles: by native code, by the deadline, or by an AbortSignal, whichever is first; what
 * comes later is ignored. Its timer keeps the process alive for as long as the operation is pending, and no longer.
 */
export class Operation<Result> {
  readonly promise: Promise<Result>;
  #settled = false;
  #resolve!: (result: Result) => void;
  #reject!: (error: unknown) => void;
  readonly #timer: NodeJS.Timeout;
  readonly #limits: OperationLimits;

  constructor(limits: OperationLimits) {
    this.#limits = limits;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#timer = setTimeout(this.#onTimeout, limits.timeoutMs);
    limits.signal?.addEventListener('abort', this.#onAbort, { once: true });
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

  #settle(): boolean {
    if (this.#settled) return false;
    this.#settled = true;
    clearTimeout(this.#timer);
    this.#limits.signal?.removeEventListener('abort', this.#onAbort);
    return true;
  }

  readonly #onTimeout = (): void => {
    const { what, timeoutMs, timeoutCode, timeoutHint, giveUp, explain } = this.#limits;
    const message = `${what} took more than ${timeoutMs} ms. ${timeoutHint}`;
    if (!this.#settle()) return;
    giveUp();
    if (!explain) {
      this.#reject(new SpdkError(timeoutCode, message));
      return;
    }
    const tell = (details: SpdkErrorDetails) => {
      clearTimeout(unexplained);
      this.#reject(new SpdkError(timeoutCode, message, details));
    };
    const unexplained = setTimeout(tell, explainLimitMs, {});
    explain(tell);
  };

  readonly #onAbort = (): void => {
    const { what, signal, giveUp } = this.#limits;
    if (signal) this.reject(abortError(what, signal));
    giveUp();
  };
}
