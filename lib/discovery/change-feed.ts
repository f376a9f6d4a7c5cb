// The latest log of a discovery service, for any number of readers at their own pace.

import { ProcessHold } from '../internal/process-hold.js';
import { changeOf, type DiscoveryChange } from './changes.js';
import type { DiscoveryLog } from './log.js';

/**
 * Keeps the latest log. A reader gets the differences between its previous log and the latest one: a slow reader
 * costs no memory, and misses only entries that appeared and vanished in between.
 */
export class ChangeFeed {
  #log: DiscoveryLog | undefined;
  #ended = false;
  #failure: Error | undefined;
  readonly #wake = new Set<() => void>();
  /** Keeps the process alive while a reader waits, as for every pending operation. */
  readonly #hold = new ProcessHold();

  get log(): DiscoveryLog | undefined {
    return this.#log;
  }

  /** @returns the differences to the previous log; undefined if there are none */
  update(log: DiscoveryLog): DiscoveryChange | undefined {
    const change = changeOf(this.#log, log);
    this.#log = log;
    if (change) this.#wakeAll();
    return change;
  }

  /** @param failure the error with which every reader ends; undefined for none */
  end(failure: Error | undefined): void {
    this.#ended = true;
    this.#failure = failure;
    this.#wakeAll();
  }

  /** A reader: its first change is the present log, with all entries added. */
  read(): AsyncIterableIterator<DiscoveryChange> {
    let seen: DiscoveryLog | undefined;
    let stopped = false;
    const waiting = new Set<() => void>();
    const done = { done: true, value: undefined } as const;

    const next = async (): Promise<IteratorResult<DiscoveryChange>> => {
      for (;;) {
        if (stopped) return done;
        const log = this.#log;
        const change = log && log !== seen ? changeOf(seen, log) : undefined;
        seen = log;
        if (change) return { done: false, value: change };
        if (this.#ended) {
          stopped = true;
          if (this.#failure) throw this.#failure;
          return done;
        }
        await new Promise<void>((wake) => {
          waiting.add(wake);
          this.#add(wake);
        });
        // Other waits of this reader were woken too.
        waiting.clear();
      }
    };
    const stop = (): void => {
      stopped = true;
      for (const wake of waiting) this.#remove(wake);
    };
    const reader: AsyncIterableIterator<DiscoveryChange> = {
      next,
      return: async () => {
        stop();
        return done;
      },
      // A generator that passes the changes on (`yield* watch`) is given its caller's error back.
      throw: async (error) => {
        stop();
        throw error;
      },
      [Symbol.asyncIterator]: () => reader,
    };
    return reader;
  }

  #add(wake: () => void): void {
    this.#wake.add(wake);
    this.#hold.set(true);
  }

  #remove(wake: () => void): void {
    this.#wake.delete(wake);
    if (this.#wake.size === 0) this.#hold.set(false);
    wake();
  }

  #wakeAll(): void {
    const all = [...this.#wake];
    this.#wake.clear();
    this.#hold.set(false);
    for (const wake of all) wake();
  }
}
