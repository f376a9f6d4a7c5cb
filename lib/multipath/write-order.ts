// Order between overlapping writes, which several paths, or a command that goes out again, would not keep.

/** A range that is being written. */
export interface WrittenRange {
  readonly first: number;
  /** The byte after it. */
  readonly end: number;
  /** Its place among the open ones. */
  index: number;
  /** Those that wait for its end. */
  waiting: (() => void)[] | undefined;
}

/**
 * The writes of one namespace that have not ended. A write that overlaps earlier ones is sent when they have ended, so
 * that the last of several writes of a caller is the one that stays.
 */
export class WriteOrder {
  readonly #open: WrittenRange[] = [];

  /** Enters a write. `earlier` has those that it has to wait for; most often there are none. */
  enter(first: number, end: number): { range: WrittenRange; earlier: WrittenRange[] | undefined } {
    let earlier: WrittenRange[] | undefined;
    for (const other of this.#open) {
      if (other.first >= end || first >= other.end) continue;
      earlier ??= [];
      earlier.push(other);
    }
    const range = { first, end, index: this.#open.length, waiting: undefined };
    this.#open.push(range);
    return { range, earlier };
  }

  /** A write has ended. */
  leave(range: WrittenRange): void {
    const last = this.#open.pop() as WrittenRange;
    if (last !== range) {
      last.index = range.index;
      this.#open[range.index] = last;
    }
    if (range.waiting) for (const wake of range.waiting) wake();
  }
}

/** Resolves when all of them have ended. */
export function ended(ranges: readonly WrittenRange[]): Promise<unknown> {
  const each = ranges.map(
    (range) =>
      new Promise<void>((resolve) => {
        range.waiting ??= [];
        range.waiting.push(resolve);
      }),
  );
  return Promise.all(each);
}
