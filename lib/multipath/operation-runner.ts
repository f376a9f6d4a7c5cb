// Sends an operation over one of several paths, and over another one if the first does not carry it out.

import { abortError, codedError, SpdkError } from '../errors/spdk-error.js';
import { type CallLimits, PendingCall } from '../internal/pending-call.js';
import type { OperationOptions } from '../io/operation-options.js';
import type { RequestLimits } from '../io/request.js';
import { invalidBuffer } from '../options/buffers.js';
import { maxTimerMs } from '../options/common.js';
import { type Verdict, verdictOn } from './failure.js';
import type { IoPath } from './io-path.js';
import type { NamespaceOperations } from './namespace-operations.js';
import type { Selector } from './selector.js';

/** One operation, which may be sent several times. */
export interface MultipathOperation<Value> {
  /** For messages, as in 'Reading 4096 bytes at 0'. */
  readonly what: () => string;
  readonly limits: RequestLimits;
  /** It is never sent twice. */
  readonly once: boolean;
  /** Whether the caller's buffers are still what they were. */
  readonly intact: () => boolean;
  /** @param limits of this attempt; undefined for none */
  readonly send: (namespace: NamespaceOperations, limits: OperationOptions | undefined) => Promise<Value>;
}

/** What the runner needs of the namespace and its subsystem. */
export interface RunnerServices {
  readonly selector: Selector;
  /** The error for operations that are not to be sent any more; undefined if they are accepted. */
  readonly refusal: () => SpdkError | undefined;
  /** Whether some path may become usable. */
  readonly returning: () => boolean;
  /** Operations begin to wait for a path, or end because there will be none. */
  readonly onNoPath: () => void;
}

/** Attempts that paths may refuse one after the other, though they are up. */
const mostRefusals = 8;
/** Repetitions that the controller may ask for. bdev_nvme repeats a command as often. */
const mostRepetitions = 3;
const firstPauseMs = 5;

/** How often one operation was tried in vain, and why. */
interface Attempts {
  readonly begun: number;
  count: number;
  refusals: number;
  repetitions: number;
}

/** The operations of one namespace: each is on a path, or waits for one. */
export class OperationRunner {
  readonly #services: RunnerServices;
  /** Operations that wait for a path, in order. */
  readonly #waiting = new Set<PendingCall<void>>();
  /** Operations that pause before they go out again. */
  readonly #pausing = new Set<PendingCall<void>>();

  constructor(services: RunnerServices) {
    this.#services = services;
  }

  /** Operations that wait for a path. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** @throws {SpdkError} ERR_SPDK_NO_PATH; the errors of the operation on one path */
  async run<Value>(operation: MultipathOperation<Value>): Promise<Value> {
    const { timeoutMs, signal } = operation.limits;
    const limited = timeoutMs !== undefined || signal !== undefined;
    const tried: Attempts = { begun: limited ? performance.now() : 0, count: 0, refusals: 0, repetitions: 0 };
    for (;;) {
      const chosen = this.#services.selector.choose();
      if (chosen === undefined) {
        await this.#waitForPath(operation, tried);
        continue;
      }
      tried.count++;
      chosen.outstanding++;
      chosen.path.counts.sent++;
      try {
        return await operation.send(chosen.namespace, limited ? left(operation, tried) : undefined);
      } catch (error) {
        await this.#continue(operation, tried, chosen, error);
      } finally {
        chosen.outstanding--;
      }
    }
  }

  /** Some path, or its state, has changed. */
  update(): void {
    if (this.#waiting.size === 0 && this.#pausing.size === 0) return;
    const { selector, returning, refusal } = this.#services;
    const usable = selector.best.length > 0;
    const error = refusal() ?? (usable || returning() ? undefined : noPathError());
    if (!error && !usable) return;
    // What pauses goes on by itself, unless nothing can become of it.
    const calls = error ? [...this.#waiting, ...this.#pausing] : [...this.#waiting];
    for (const call of calls) {
      if (error) call.reject(error);
      else call.resolve();
    }
  }

  /** Returns if the operation is to be sent again. @throws the error that ends it */
  async #continue<Value>(
    operation: MultipathOperation<Value>,
    tried: Attempts,
    on: IoPath,
    error: unknown,
  ): Promise<void> {
    const verdict = verdictOn(error);
    if (verdict === 'lost') on.path.suspect();
    if (verdict === 'ana') on.doubt();
    if (verdict === 'final' || operation.once) throw this.#endedBy(operation, tried, error);
    const refused = this.#services.refusal();
    if (refused) throw refused;
    if (!operation.intact()) {
      throw invalidBuffer(`${operation.what()}: the buffer was detached or shrunk before it went out again`);
    }
    on.path.counts.failedOver++;
    await this.#pause(operation, tried, on, verdict, error);
  }

  async #pause<Value>(
    operation: MultipathOperation<Value>,
    tried: Attempts,
    on: IoPath,
    verdict: Verdict,
    error: unknown,
  ): Promise<void> {
    const crd = error instanceof SpdkError ? (error.nvmeStatus?.crd ?? 0) : 0;
    const asked = crd > 0 ? on.path.retryDelayMs(crd) : 0;
    if (verdict === 'later') {
      if (tried.repetitions++ >= mostRepetitions) throw error;
      await this.#sleep(operation, tried, asked);
      return;
    }
    // A lost path, or one that does not reach the namespace now, is not chosen again before it has changed.
    if (verdict !== 'refused') return;
    if (tried.refusals++ >= mostRefusals) throw error;
    const others = this.#services.selector.best.length > 1;
    if (others && tried.refusals === 1) return;
    await this.#sleep(operation, tried, Math.max(asked, firstPauseMs * 2 ** (tried.refusals - 1)));
  }

  /** The path's own error, except that a time limit is told as the caller gave it. */
  #endedBy<Value>(operation: MultipathOperation<Value>, tried: Attempts, error: unknown): unknown {
    if (tried.count === 1 || (error as SpdkError).code !== 'ERR_SPDK_TIMEOUT') return error;
    const { timeoutMs } = operation.limits;
    const message = `${operation.what()} took more than ${timeoutMs} ms on ${tried.count} paths, one after the other`;
    return new SpdkError('ERR_SPDK_TIMEOUT', message, { cause: error });
  }

  #waitForPath<Value>(operation: MultipathOperation<Value>, tried: Attempts): Promise<void> {
    const refused = this.#services.refusal();
    if (refused) throw refused;
    this.#services.onNoPath();
    if (!this.#services.returning()) throw noPathError();
    return this.#hold(this.#waiting, operation, tried);
  }

  #sleep<Value>(operation: MultipathOperation<Value>, tried: Attempts, ms: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const promise = this.#hold(this.#pausing, operation, tried, (call) => {
      timer = setTimeout(() => call.resolve(), ms);
    });
    return promise.finally(() => clearTimeout(timer));
  }

  /** A wait that is in one of the sets until it has ended. */
  #hold<Value>(
    held: Set<PendingCall<void>>,
    operation: MultipathOperation<Value>,
    tried: Attempts,
    begin: (call: PendingCall<void>) => void = () => {},
  ): Promise<void> {
    const call = PendingCall.start<void>(limitsOf(operation, tried), (started) => {
      held.add(started);
      begin(started);
    });
    return call.promise.finally(() => held.delete(call));
  }
}

/** Waiting is a part of the operation: it has the same limits, from the same time on. */
export function limitsOf(
  { what, limits }: Pick<MultipathOperation<unknown>, 'what' | 'limits'>,
  { begun }: { readonly begun: number },
): CallLimits {
  const { timeoutMs, signal } = limits;
  return {
    what: what(),
    timeoutMs: timeoutMs ?? maxTimerMs,
    ...(timeoutMs === undefined ? {} : { since: begun }),
    timeoutCode: 'ERR_SPDK_TIMEOUT',
    timeoutHint: 'It waited for a path; nothing of it is outstanding.',
    signal,
  };
}

/** The limits of the next attempt. */
function left<Value>(operation: MultipathOperation<Value>, { begun }: Attempts): OperationOptions {
  const { timeoutMs, signal } = operation.limits;
  if (signal?.aborted) throw abortError(operation.what(), signal);
  if (timeoutMs === undefined) return { signal };
  const rest = Math.max(1, Math.ceil(timeoutMs - (performance.now() - begun)));
  return { timeoutMs: rest, signal };
}

function noPathError(): SpdkError {
  return new SpdkError(
    'ERR_SPDK_NO_PATH',
    'No path to the namespace is usable, and none is expected to become usable in time',
  );
}

/** A rejection with an error of this package, for methods that check before they send. */
export function rejection(error: unknown): Promise<never> {
  return Promise.reject(codedError('The operation could not be started', error));
}
