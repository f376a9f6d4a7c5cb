// The operations of one stream: all end with it.

import { abortError } from '../errors/spdk-error.js';
import { heed, unwanted } from '../internal/signals.js';
import type { OperationOptions } from '../io/operation-options.js';
import type { StreamPlan } from './stream-options.js';

/** The outstanding operations of a stream, and the signals that end the stream. */
export class StreamOperations {
  /** The options of every operation. */
  readonly options: OperationOptions;
  readonly #end = new AbortController();
  readonly #running = new Set<Promise<unknown>>();
  readonly #signals: readonly AbortSignal[];
  readonly #ends: (() => void)[] = [];
  readonly #kind: 'reads' | 'writes';
  #signalled = false;

  constructor({ each, signals }: StreamPlan, kind: 'reads' | 'writes') {
    this.options = { ...each, signal: this.#end.signal };
    this.#signals = signals;
    this.#kind = kind;
  }

  /** Whether {@link close} was called. */
  get ended(): boolean {
    return this.#end.signal.aborted;
  }

  /** Destroys the stream when a signal fires or has already fired. */
  heed(what: string, destroy: (error: Error) => void): void {
    for (const signal of this.#signals) {
      // The one before has fired: nothing would end what another one held on to.
      if (this.ended) return;
      const heard = () => {
        this.#signalled = true;
        destroy(abortError(what, signal));
      };
      this.#ends.push(heed(signal, heard));
    }
  }

  /** Tracks an operation until it settles. */
  add<Result>(operation: Promise<Result>): Promise<Result> {
    this.#running.add(operation);
    const ended = () => this.#running.delete(operation);
    operation.then(ended, ended);
    return operation;
  }

  /** Resolves when all present operations have succeeded; rejects with the first error. */
  async all(): Promise<void> {
    await Promise.all(this.#running);
  }

  /** Ends the stream: cancels the outstanding operations and waits until their promises are settled. */
  async close(): Promise<void> {
    for (const end of this.#ends) end();
    this.#end.abort(this.#kind === 'reads' && !this.#signalled ? unwanted : undefined);
    await Promise.allSettled(this.#running);
  }
}
