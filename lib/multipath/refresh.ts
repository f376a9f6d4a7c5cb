// A reading of something that changes: one at a time, and once more whenever it may have changed since the last one began.

import { eventLoop } from '../internal/event-loop.js';

/** What is read, and when. */
export interface RefreshSource {
  /** Whether it can be read now; where not, `request()` is called again when it can. */
  readonly ready: () => boolean;
  /** Reads it, and keeps the result. */
  readonly read: () => Promise<void>;
}

/**
 * | state     | meaning                                  | a request leads to | the end of a reading        | its failure |
 * | --------- | ---------------------------------------- | ------------------ | --------------------------- | ----------- |
 * | `current` | nothing has changed since the last reading | `stale`            |                             |             |
 * | `stale`   | to be read; immediately if it is ready   | `reading` if ready |                             |             |
 * | `reading` | a reading is under way                   | `outrun`           | `current`                   | `stale`     |
 * | `outrun`  | as `reading`, and it has changed since   |                    | `reading` if ready, or `stale` | `stale`  |
 *
 * After a failure it is requested again after a pause.
 */
type RefreshState = 'current' | 'stale' | 'reading' | 'outrun';

export class Refresh {
  readonly #source: RefreshSource;
  readonly #retryMs: number;
  #state: RefreshState = 'current';
  #retry: NodeJS.Timeout | undefined;
  #failure: unknown;

  constructor(retryMs: number, source: RefreshSource) {
    this.#retryMs = retryMs;
    this.#source = source;
  }

  /** Whether a request has not been fulfilled. */
  get due(): boolean {
    return this.#state === 'stale' || this.#state === 'outrun';
  }

  /** Why the last reading failed; undefined if it did not. */
  get failure(): unknown {
    return this.#failure;
  }

  /** Reads it now, or once more after the reading that is under way, or at the first request when it is ready. */
  request(): void {
    if (this.#state === 'reading' || this.#state === 'outrun') {
      this.#state = 'outrun';
      return;
    }
    this.#state = 'stale';
    if (this.#source.ready()) void this.#read();
  }

  async #read(): Promise<void> {
    try {
      do {
        this.#state = 'reading';
        await this.#source.read();
        this.#failure = undefined;
      } while (this.due && this.#source.ready());
      this.#state = this.due ? 'stale' : 'current';
    } catch (error) {
      this.#state = 'stale';
      this.#failure = error;
      eventLoop.clearTimeout(this.#retry);
      this.#retry = eventLoop.setTimeout(() => this.request(), this.#retryMs).unref();
    }
  }
}
