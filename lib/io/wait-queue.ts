// Requests that wait for room in a queue.

import type { IoRequest } from './request.js';

/** Removed entries are cleared away at this number. */
const maxRemoved = 1024;

/**
 * The requests of a queue pair that have something to send and no room yet, in order. Any of them can leave at the cost
 * of one that is first: it is only marked, and the marked are cleared away when they are the greater part.
 */
export class WaitQueue {
  #entries: (IoRequest | undefined)[] = [];
  #from = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Whether a request waits here. Its entry in the queue that it has left may still be there when it waits in another one. */
  has(request: IoRequest): boolean {
    return request.waitsIn === this;
  }

  push(request: IoRequest): void {
    request.waitsIn = this;
    this.#length++;
    this.#entries.push(request);
  }

  get first(): IoRequest | undefined {
    if (this.#length === 0) return undefined;
    while (this.#entries[this.#from]?.waitsIn !== this) this.#entries[this.#from++] = undefined;
    return this.#entries[this.#from];
  }

  remove(request: IoRequest): void {
    request.waitsIn = undefined;
    this.#length--;
    if (this.#entries[this.#from] === request) this.#entries[this.#from++] = undefined;
    const kept = this.#entries.length - this.#from;
    if (this.#length === 0 || this.#from > maxRemoved || kept > maxRemoved + 2 * this.#length) this.#clear();
  }

  /** Empties the queue. */
  removeAll(): IoRequest[] {
    this.#clear();
    const all = this.#entries as IoRequest[];
    for (const request of all) request.waitsIn = undefined;
    this.#entries = [];
    this.#length = 0;
    return all;
  }

  #clear(): void {
    this.#entries = this.#entries.slice(this.#from).filter((entry) => entry?.waitsIn === this);
    this.#from = 0;
  }
}
