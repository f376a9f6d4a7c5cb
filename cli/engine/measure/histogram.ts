// Durations, counted in memory that does not grow.

/** How many of the recorded values lie in one range. */
export interface Bin {
  /** The range's upper end. */
  readonly upTo: number;
  readonly count: number;
}

/** The buckets of each power of two: values are precise to 0.8 %. */
const stepBits = 7;
const steps = 1 << stepBits;
/** Longer durations count as this, except in the mean and the maximum: 4.9 hours in ns, more than any time limit. */
const largestBits = 44;
const largest = 2 ** largestBits - 1;
const buckets = (largestBits - stepBits + 1) * steps;
/** A value with more bits is counted without its lowest ones, because operators on bits take 32 only. */
const wordBits = 31;
const droppedBits = largestBits - wordBits;

/** The buckets that make a bin of the distribution: eight bins for each power of two. */
const bucketsOfBin = steps / 8;

/**
 * Counts durations, in nanoseconds or microseconds. Recording a value takes some nanoseconds. The histogram of
 * node:perf_hooks calls into C++ for each, which costs a tenth of an operation of a fast target.
 */
export class Histogram {
  readonly #counts = new Float64Array(buckets);
  #total = 0;
  #sum = 0;
  #max = 0;

  get total(): number {
    return this.#total;
  }

  /** The exact mean. */
  get mean(): number {
    return this.#sum / this.#total;
  }

  /** The exact maximum. */
  get max(): number {
    return this.#max;
  }

  record(duration: number): void {
    const whole = duration < largest ? Math.max(0, duration) : largest;
    const dropped = whole < 2 ** wordBits ? 0 : droppedBits;
    const value = (dropped === 0 ? whole : whole / 2 ** droppedBits) | 0;
    const shift = Math.max(0, 31 - Math.clz32(value) - stepBits);
    const bucket = (shift + dropped) * steps + (value >>> shift);
    (this.#counts[bucket] as number)++;
    this.#total++;
    this.#sum += duration;
    if (duration > this.#max) this.#max = duration;
  }

  /** The value that this percentage of the recorded values does not exceed, with the precision of a bucket. */
  percentile(percent: number): number {
    return Math.min(upperEnd(bucketAt(percent, this.#counts, this.#total)), this.#max);
  }

  /** How many values lie in each range, for a plot: from the empty range before the smallest value to the largest. */
  bins(): Bin[] {
    const bins: Bin[] = [];
    for (let first = 0; first < buckets; first += bucketsOfBin) {
      const count = this.#counts.subarray(first, first + bucketsOfBin).reduce((sum, one) => sum + one, 0);
      bins.push({ upTo: upperEnd(first + bucketsOfBin - 1), count });
    }
    const filled = (bin: Bin) => bin.count > 0;
    return bins.slice(Math.max(0, bins.findIndex(filled) - 1), bins.findLastIndex(filled) + 1);
  }

  /** Adds the counts of another histogram. */
  add(other: Histogram): void {
    for (let bucket = 0; bucket < buckets; bucket++) {
      this.#counts[bucket] = (this.#counts[bucket] as number) + (other.#counts[bucket] as number);
    }
    this.#total += other.#total;
    this.#sum += other.#sum;
    this.#max = Math.max(this.#max, other.#max);
  }

  reset(): void {
    this.#counts.fill(0);
    this.#total = this.#sum = this.#max = 0;
  }
}

/** The index of the bucket with the value that this percentage of the counted values does not exceed. */
export function bucketAt(percent: number, counts: ArrayLike<number>, total: number): number {
  // In whole tenths of a percent: 99.9 / 100 is a little more than 0.999, and a thousand times that more than 999.
  const rank = Math.max(1, Math.ceil((Math.round(percent * 10) * total) / 1_000));
  let seen = 0;
  for (let bucket = 0; bucket < counts.length; bucket++) {
    seen += counts[bucket] as number;
    if (seen >= rank) return bucket;
  }
  return counts.length - 1;
}

/** The largest value of a bucket. */
function upperEnd(bucket: number): number {
  if (bucket < 2 * steps) return bucket;
  const shift = Math.floor(bucket / steps) - 1;
  return (bucket - shift * steps + 1) * 2 ** shift - 1;
}
