// Order between overlapping writes, which several paths, or a command that goes out again, would not keep.

import type { Failover } from './failover.js';

const none: readonly Failover[] = [];
/** Open writes are counted by the part of the disk that they lie in, so that one that meets no other is not compared with all. */
const partBytes = 4096;
const counters = 8192;

/**
 * The writes of one namespace that have not ended. A write that overlaps earlier ones is sent when they have ended, so
 * that the last of several writes of a caller is the one that stays.
 *
 * A write waits for the latest of them, back to one that covers it and so waits for the others itself: thousands may wait for one block.
 */
export class WriteOrder {
  /** The latest one, from which `earlier` leads to all others. */
  #last: Failover | undefined;
  /** Parts far from each other share a counter. */
  readonly #counts = new Uint32Array(counters);
  #waiting = 0;

  /** Writes that wait for earlier ones. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Enters a write. False if it has to wait for earlier ones. */
  enter(failover: Failover): boolean {
    if (this.#count(failover, 1)) compare(failover, this.#last);
    failover.ordered = true;
    failover.earlier = this.#last;
    if (this.#last) this.#last.later = failover;
    this.#last = failover;
    if (failover.before === 0) return true;
    this.#waiting++;
    return false;
  }

  /** Removes a write that has ended. Returns the writes that waited for nothing else. */
  leave(failover: Failover): readonly Failover[] {
    const { earlier, after } = failover;
    this.#remove(failover);
    if (failover.before > 0) {
      this.#waiting--;
      // It was cancelled while it waited: those that relied on it wait for the others themselves.
      for (const next of after ?? none) if (next.ordered && covers(failover, next)) compare(next, earlier);
    }
    if (!after) return none;
    for (const next of after) next.before--;
    // A cancelled write has left already.
    const next = after.filter(({ before, ordered }) => before === 0 && ordered);
    this.#waiting -= next.length;
    return next;
  }

  #remove(failover: Failover): void {
    const { earlier, later } = failover;
    this.#count(failover, -1);
    if (earlier) earlier.later = later;
    if (later) later.earlier = earlier;
    else this.#last = earlier;
    failover.ordered = false;
    failover.earlier = undefined;
    failover.later = undefined;
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

/** Has a write wait for those that it overlaps, from `latest` back to the first that covers it. */
function compare(failover: Failover, latest: Failover | undefined): void {
  const { position, length } = failover.request;
  const end = position + length;
  for (let other = latest; other; other = other.earlier) {
    const { request } = other;
    if (request.position >= end || position >= request.position + request.length) continue;
    other.after ??= [];
    other.after.push(failover);
    failover.before++;
    if (covers(other, failover)) return;
  }
}

function covers({ request: one }: Failover, { request: other }: Failover): boolean {
  return one.position <= other.position && other.position + other.length <= one.position + one.length;
}
