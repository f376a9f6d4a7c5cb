// The durations of one kind of operation, and their summary.

import { type Bin, Histogram } from './histogram.js';

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
  /** In microseconds. */
  readonly #histogram = new Histogram();

  add(milliseconds: number): void {
    this.#histogram.record(Math.round(milliseconds * 1000));
  }

  summary(): LatencySummary {
    if (this.#histogram.total === 0) return { p50: null, p90: null, p99: null, max: null };
    const at = (percent: number) => toMilliseconds(this.#histogram.percentile(percent));
    return { p50: at(50), p90: at(90), p99: at(99), max: toMilliseconds(this.#histogram.max) };
  }

  /** How many operations took how long, in milliseconds. */
  bins(): Bin[] {
    return this.#histogram.bins().map(({ upTo, count }) => ({ upTo: upTo / 1000, count }));
  }
}

function toMilliseconds(microseconds: number): number {
  return Math.round(microseconds / 10) / 100;
}
