import { createHistogram } from 'node:perf_hooks';

/** Milliseconds; null if nothing was measured. */
export interface LatencySummary {
  readonly p50: number | null;
  readonly p90: number | null;
  readonly p99: number | null;
  readonly max: number | null;
}

/**
 * Collects the durations of operations. Its memory does not grow with their number, so that a long run does not look like
 * a leak.
 */
export class Latencies {
  // Microseconds; values are kept to 0.1 %.
  readonly #histogram = createHistogram({ lowest: 1, highest: 3_600_000_000, figures: 3 });
  #max = 0;

  add(milliseconds: number): void {
    const microseconds = Math.max(1, Math.round(milliseconds * 1000));
    this.#histogram.record(microseconds);
    this.#max = Math.max(this.#max, microseconds);
  }

  summary(): LatencySummary {
    if (this.#max === 0) return { p50: null, p90: null, p99: null, max: null };
    // The histogram returns the upper end of a bucket, which may be above the recorded maximum.
    const at = (percentile: number) =>
      toMilliseconds(Math.min(this.#histogram.percentile(percentile), this.#max));
    return { p50: at(50), p90: at(90), p99: at(99), max: toMilliseconds(this.#max) };
  }
}

function toMilliseconds(microseconds: number): number {
  return Math.round(microseconds / 10) / 100;
}
