// Order between overlapping writes: over several paths, and between writers of parts of a block.

/** Open writes are counted by the part of the disk that they lie in, so that one that meets no other is not compared with all. */
const partBytes = 4096;
const counters = 8192;

const none: readonly never[] = [];

/** A write that keeps the order. All but its range is for {@link WriteOrder}. */
export interface OrderedWrite<Self> {
  /** The range in bytes. */
  readonly position: number;
  readonly length: number;
  /** Whether it was entered, and has not ended. */
  ordered: boolean;
  /** The writes that were entered before and after this one. */
  earlier: Self | undefined;
  later: Self | undefined;
  /** How many of the earlier writes of the same blocks it waits for. */
  before: number;
  /** Later writes that wait for the end of this one. */
  after: Self[] | undefined;
}

/**
 * The writes of one namespace that have not ended. A write that overlaps earlier ones begins when they have ended, so
 * that the last of several writes of a caller is the one that stays.
 *
 * A write waits for the latest of them, back to one that covers it and so waits for the others itself: thousands may wait for one block.
 */
export class WriteOrder<Write extends OrderedWrite<Write>> {
  /** The latest one, from which `earlier` leads to all others. */
  #last: Write | undefined;
  /** Parts far from each other share a counter. */
  readonly #counts = new Uint32Array(counters);
  #waiting = 0;

  /** Writes that wait for earlier ones. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Enters a write. False if it has to wait for earlier ones. */
  enter(write: Write): boolean {
    if (this.#count(write, 1)) compare(write, this.#last);
    write.ordered = true;
    write.earlier = this.#last;
    if (this.#last) this.#last.later = write;
    this.#last = write;
    if (write.before === 0) return true;
    this.#waiting++;
    return false;
  }

  /** Removes a write that has ended. Returns the writes that waited for nothing else. */
  leave(write: Write): readonly Write[] {
    const { earlier, after } = write;
    write.after = undefined;
    this.#remove(write);
    if (write.before > 0) {
      this.#waiting--;
      // It was cancelled while it waited: those that relied on it wait for the others themselves.
      for (const next of after ?? none) if (next.ordered && covers(write, next)) compare(next, earlier);
    }
    if (!after) return none;
    for (const next of after) next.before--;
    // A cancelled write has left already.
    const next = after.filter(({ before, ordered }) => before === 0 && ordered);
    this.#waiting -= next.length;
    return next;
  }

  #remove(write: Write): void {
    const { earlier, later } = write;
    this.#count(write, -1);
    if (earlier) earlier.later = later;
    if (later) later.earlier = earlier;
    else this.#last = earlier;
    write.ordered = false;
    write.earlier = undefined;
    write.later = undefined;
  }

  /** Whether another open write may be in one of its parts. */
  #count({ position, length }: Write, change: number): boolean {
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
function compare<Write extends OrderedWrite<Write>>(write: Write, latest: Write | undefined): void {
  const { position, length } = write;
  const end = position + length;
  for (let other = latest; other; other = other.earlier) {
    if (other.position >= end || position >= other.position + other.length) continue;
    other.after ??= [];
    other.after.push(write);
    write.before++;
    if (covers(other, write)) return;
  }
}

type Range = Pick<OrderedWrite<unknown>, 'position' | 'length'>;

function covers(one: Range, other: Range): boolean {
  return one.position <= other.position && other.position + other.length <= one.position + one.length;
}
