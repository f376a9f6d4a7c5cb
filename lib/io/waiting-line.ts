// Requests that wait for room in a queue.

import type { IoRequest } from './request.js';

/** Removed entries are cleared away at this number. */
const maxTaken = 1024;

/**
 * The requests of a queue pair that have something to send and no room yet, in order. Any of them can leave at the cost
 * of one that is first: it is only marked, and the marked are cleared away when they are the greater part.
 */
export class WaitingLine {
  #entries: (IoRequest | undefined)[] = [];
  #from = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(request: IoRequest): void {
    request.waiting = true;
    this.#length++;
    this.#entries.push(request);
  }

  get first(): IoRequest | undefined {
    if (this.#length === 0) return undefined;
    while (!this.#entries[this.#from]?.waiting) this.#entries[this.#from++] = undefined;
    return this.#entries[this.#from];
  }

  remove(request: IoRequest): void {
    request.waiting = false;
    this.#length--;
    if (this.#entries[this.#from] === request) this.#entries[this.#from++] = undefined;
    const kept = this.#entries.length - this.#from;
    if (this.#length === 0 || this.#from > maxTaken || kept > maxTaken + 2 * this.#length) this.#clear();
  }

  /** Empties the line. */
  takeAll(): IoRequest[] {
    const all = this.#entries.slice(this.#from).filter((entry) => entry?.waiting) as IoRequest[];
    for (const request of all) request.waiting = false;
    this.#length = 0;
    this.#clear();
    return all;
  }

  #clear(): void {
    this.#entries = this.#entries.slice(this.#from).filter((entry) => entry?.waiting);
    this.#from = 0;
  }
}
