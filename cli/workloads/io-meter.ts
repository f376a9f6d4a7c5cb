// What a performance run counts.

import { type Bin, Histogram } from '../engine/measure/histogram.js';
import type { Mismatch } from './verifier.js';

/** Microseconds; null where nothing was measured. */
export interface LatencyReport {
  readonly mean: number | null;
  readonly p50: number | null;
  readonly p90: number | null;
  readonly p99: number | null;
  readonly p999: number | null;
  readonly max: number | null;
}

/** What happened in one second of a run. */
export interface Interval {
  /** When it ended, in milliseconds since the measurement began. */
  readonly atMs: number;
  readonly operations: number;
  readonly p50Us: number | null;
  readonly p99Us: number | null;
}

const intervalMs = 1_000;
const nsPerMs = 1e6;

/** Counts operations and how long they took, in memory that does not grow with their number. */
export class IoMeter {
  operations = 0;
  bytes = 0;
  reads = 0;
  failed = 0;
  mismatches = 0;
  firstMismatch: Mismatch | undefined;
  readonly intervals: Interval[] = [];
  /** The durations of the intervals that have ended, and those of the present one. */
  readonly #all = new Histogram();
  readonly #latest = new Histogram();
  #begun = performance.now();
  #intervalEnd = this.#begun + intervalMs;

  /** Begins the measurement; what was counted before was the ramp. */
  begin(): void {
    this.operations = this.bytes = this.reads = 0;
    this.#all.reset();
    this.#latest.reset();
    this.intervals.length = 0;
    this.#begun = performance.now();
    this.#intervalEnd = this.#begun + intervalMs;
  }

  /** Ends the measurement: the last interval counts if it was at least half as long as the others. */
  end(): void {
    const now = performance.now();
    if (now >= this.#intervalEnd - intervalMs / 2) this.#close(now);
  }

  /** Counts an operation that began and ended at these times of `performance.now()`. */
  add(begun: number, ended: number, bytes: number, write: boolean): void {
    if (ended >= this.#intervalEnd) this.#close(ended);
    this.#latest.record(Math.round((ended - begun) * nsPerMs));
    this.operations++;
    this.bytes += bytes;
    if (!write) this.reads++;
  }

  /** The result of comparing what was read; undefined if it was right. */
  addMismatch(found: Mismatch | undefined): void {
    if (!found) return;
    this.mismatches++;
    this.firstMismatch ??= found;
  }

  /** How many operations took how long, in microseconds. */
  distribution(): Bin[] {
    return this.#whole()
      .bins()
      .map(({ upTo, count }) => ({ upTo: upTo / 1_000, count }));
  }

  latency(): LatencyReport {
    if (this.operations === 0) return { mean: null, p50: null, p90: null, p99: null, p999: null, max: null };
    const all = this.#whole();
    const at = (percent: number) => us(all.percentile(percent));
    return {
      mean: us(all.mean),
      p50: at(50),
      p90: at(90),
      p99: at(99),
      p999: at(99.9),
      max: us(all.max),
    };
  }

  /** All of the measurement so far. */
  #whole(): Histogram {
    const all = new Histogram();
    all.add(this.#all);
    all.add(this.#latest);
    return all;
  }

  #close(now: number): void {
    const empty = this.#latest.total === 0;
    this.intervals.push({
      atMs: Math.round(now - this.#begun),
      operations: this.#latest.total,
      p50Us: empty ? null : us(this.#latest.percentile(50)),
      p99Us: empty ? null : us(this.#latest.percentile(99)),
    });
    this.#all.add(this.#latest);
    this.#latest.reset();
    this.#intervalEnd = now + intervalMs;
  }
}

function us(ns: number): number {
  return Math.round(ns / 10) / 100;
}
