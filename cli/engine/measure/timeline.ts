// Counts over the time of a run.

/** How the values of two intervals become one. */
export type Merge = 'sum' | 'max';

/** What was counted in one interval of a run. */
export type TimelineRow<Name extends string> = Readonly<Record<Name, number>> & {
  /** When it began, in milliseconds since the run began, and how long it is. */
  readonly atMs: number;
  readonly ms: number;
};

const firstIntervalMs = 1_000;
/** The maximum of rows that is still readable. */
const maxRows = 1_200;

/**
 * Counts by time, in memory that does not grow with the length of the run: when there are too many intervals, each two
 * become one.
 */
export class Timeline<Name extends string> {
  readonly #merges: readonly (readonly [Name, Merge])[];
  #rows: Record<Name, number>[] = [];
  #intervalMs = firstIntervalMs;
  #begun = performance.now();
  #endMs: number | undefined;

  constructor(merges: Readonly<Record<Name, Merge>>) {
    this.#merges = Object.entries(merges) as [Name, Merge][];
  }

  /** Notes that the run begins now. */
  begin(): void {
    this.#rows = [];
    this.#intervalMs = firstIntervalMs;
    this.#begun = performance.now();
    this.#endMs = undefined;
  }

  /** Notes that the run ends now, or at another time since it began: the last interval is as long as it lasted. */
  end(atMs = this.elapsedMs): void {
    this.add({}, atMs);
    this.#endMs = atMs;
  }

  /** Milliseconds since the run began. */
  get elapsedMs(): number {
    return Math.round(performance.now() - this.#begun);
  }

  /** Counts something that happened now, or at another time since the run began. What happens after its end counts as its end. */
  add(values: Partial<Record<Name, number>>, atMs = this.#endMs ?? this.elapsedMs): void {
    while (atMs >= maxRows * this.#intervalMs) this.#halve();
    const index = Math.floor(atMs / this.#intervalMs);
    // Intervals in which nothing happened are seen too.
    while (this.#rows.length <= index) this.#rows.push(this.#empty());
    const row = this.#rows[index];
    if (row) this.#merge(row, values);
  }

  /** One for each interval. After end(), the one before the last is longer if the last was less than half an interval. */
  rows(): TimelineRow<Name>[] {
    const rows = this.#rows.map((row, index) => ({
      ...row,
      atMs: index * this.#intervalMs,
      ms: this.#intervalMs,
    }));
    const last = rows.at(-1);
    if (this.#endMs === undefined || !last) return rows;
    last.ms = this.#endMs - last.atMs;
    const before = rows.at(-2);
    if (!before || last.ms >= this.#intervalMs / 2) return rows;
    // A rate over a few milliseconds would look like a peak or a standstill.
    this.#merge(before, last);
    before.ms += last.ms;
    return rows.slice(0, -1);
  }

  #halve(): void {
    const pairs: Record<Name, number>[] = [];
    for (let index = 0; index < this.#rows.length; index += 2) {
      const row = this.#rows[index] ?? this.#empty();
      this.#merge(row, this.#rows[index + 1] ?? {});
      pairs.push(row);
    }
    this.#rows = pairs;
    this.#intervalMs *= 2;
  }

  #merge(into: Record<Name, number>, values: Partial<Record<Name, number>>): void {
    for (const [name, merge] of this.#merges) {
      const value = values[name];
      if (value !== undefined)
        into[name] = merge === 'sum' ? into[name] + value : Math.max(into[name], value);
    }
  }

  #empty(): Record<Name, number> {
    return Object.fromEntries(this.#merges.map(([name]) => [name, 0])) as Record<Name, number>;
  }
}
