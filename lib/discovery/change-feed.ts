// The latest log of a discovery service, for any number of readers at their own pace.

import { changeOf, type DiscoveryChange } from './changes.js';
import type { DiscoveryLog } from './log.js';

/** While a reader waits, the process stays alive, as for every pending operation. */
const longestTimerMs = 2_147_483_647;

/**
 * Keeps the latest log. A reader gets the differences between its previous log and the latest one: a slow reader
 * costs no memory, and misses only entries that appeared and vanished in between.
 */
export class ChangeFeed {
  #log: DiscoveryLog | undefined;
  #ended = false;
  #failure: Error | undefined;
  readonly #wake = new Set<() => void>();
  #staying: NodeJS.Timeout | undefined;

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
    const end = async (): Promise<IteratorResult<DiscoveryChange>> => {
      stopped = true;
      for (const wake of waiting) this.#remove(wake);
      return done;
    };
    const reader: AsyncIterableIterator<DiscoveryChange> = {
      next,
      return: end,
      [Symbol.asyncIterator]: () => reader,
    };
    return reader;
  }

  #add(wake: () => void): void {
    this.#wake.add(wake);
    this.#staying ??= setInterval(() => {}, longestTimerMs);
  }

  #remove(wake: () => void): void {
    this.#wake.delete(wake);
    if (this.#wake.size === 0) this.#rest();
    wake();
  }

  #wakeAll(): void {
    const all = [...this.#wake];
    this.#wake.clear();
    this.#rest();
    for (const wake of all) wake();
  }

  #rest(): void {
    clearInterval(this.#staying);
    this.#staying = undefined;
  }
}
