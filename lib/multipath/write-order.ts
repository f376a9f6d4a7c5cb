// Order between overlapping writes, which several paths, or a command that goes out again, would not keep.

import type { Failover } from './failover.js';

const none: readonly Failover[] = [];
/** Open writes are counted by the part of the disk that they lie in, so that one that meets no other is not compared with all. */
const partBytes = 4096;
const counters = 8192;

/**
 * The writes of one namespace that have not ended. A write that overlaps earlier ones is sent when they have ended, so
 * that the last of several writes of a caller is the one that stays.
 */
export class WriteOrder {
  readonly #open: Failover[] = [];
  /** Parts far from each other share a counter. */
  readonly #counts = new Uint32Array(counters);
  #waiting = 0;

  /** Writes that wait for earlier ones. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Enters a write. False if it has to wait for earlier ones. */
  enter(failover: Failover): boolean {
    if (this.#count(failover, 1)) this.#compare(failover);
    failover.ordered = true;
    failover.index = this.#open.length;
    this.#open.push(failover);
    if (failover.before === 0) return true;
    this.#waiting++;
    return false;
  }

  /** Removes a write that has ended. Returns the writes that waited for nothing else. */
  leave(failover: Failover): readonly Failover[] {
    failover.ordered = false;
    if (failover.before > 0) this.#waiting--;
    this.#count(failover, -1);
    const last = this.#open.pop() as Failover;
    if (last !== failover) {
      last.index = failover.index;
      this.#open[failover.index] = last;
    }
    if (!failover.after) return none;
    for (const next of failover.after) next.before--;
    // A cancelled write has left already.
    const next = failover.after.filter(({ before, ordered }) => before === 0 && ordered);
    this.#waiting -= next.length;
    return next;
  }

  #compare(failover: Failover): void {
    const { position, length } = failover.request;
    const end = position + length;
    for (const other of this.#open) {
      const { request } = other;
      if (request.position >= end || position >= request.position + request.length) continue;
      other.after ??= [];
      other.after.push(failover);
      failover.before++;
    }
  }

  /** Whether another open write may be in one of its parts. */
  #count({ request }: Failover, change: number): boolean {
    const { position, length } = request;
    const first = Math.floor(position / partBytes);
    const last = Math.floor((position + length - 1) / partBytes);
    const end = Math.min(last + 1, first + counters);
    let others = 0;
    for (let part = first; part < end; part++) {
      const at = part & (counters - 1);
      const count = this.#counts[at] as number;
      others |= count;
      this.#counts[at] = count + change;
    }
    return others !== 0;
  }
}
