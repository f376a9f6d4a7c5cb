// The operations of one stream: all end with it.

import { abortError } from '../errors/spdk-error.js';
import { offAbort, onAbort } from '../internal/signals.js';
import type { OperationOptions } from '../io/operation-options.js';
import type { StreamPlan } from './stream-options.js';

/** What a stream has under way, and the caller's signal that ends the stream. */
export class StreamOperations {
  /** What every operation gets. */
  readonly options: OperationOptions;
  readonly #end = new AbortController();
  readonly #running = new Set<Promise<unknown>>();
  readonly #signal: AbortSignal | undefined;
  #onAbort: (() => void) | undefined;

  constructor({ each, signal }: StreamPlan) {
    this.options = { ...each, signal: this.#end.signal };
    this.#signal = signal;
  }

  /** Has the stream destroyed when the caller's signal fires, or has fired. */
  heed(what: string, destroy: (error: Error) => void): void {
    const signal = this.#signal;
    if (!signal) return;
    this.#onAbort = () => destroy(abortError(what, signal));
    if (signal.aborted) this.#onAbort();
    else onAbort(signal, this.#onAbort);
  }

  /** The operation is under way until it settles. */
  add<Result>(operation: Promise<Result>): Promise<Result> {
    this.#running.add(operation);
    const ended = () => this.#running.delete(operation);
    operation.then(ended, ended);
    return operation;
  }

  /** Settles when all that are under way now have succeeded; rejects with the first error. */
  async all(): Promise<void> {
    await Promise.all(this.#running);
  }

  /** The stream is over: gives up what is under way, and waits until its callers have been answered. */
  async close(): Promise<void> {
    if (this.#signal && this.#onAbort) offAbort(this.#signal, this.#onAbort);
    this.#end.abort();
    await Promise.allSettled(this.#running);
  }
}
