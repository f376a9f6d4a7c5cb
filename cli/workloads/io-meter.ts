import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';

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
  readonly intervals: Interval[] = [];
  readonly #all = newHistogram();
  readonly #latest = newHistogram();
  #latestCount = 0;
  #begun = performance.now();
  #intervalEnd = this.#begun + intervalMs;

  /** The measurement begins now; what was counted before was the ramp. */
  begin(): void {
    this.operations = this.bytes = this.reads = this.#latestCount = 0;
    this.#all.reset();
    this.#latest.reset();
    this.intervals.length = 0;
    this.#begun = performance.now();
    this.#intervalEnd = this.#begun + intervalMs;
  }

  /** An operation that began and ended at these times of `performance.now()`. */
  add(begun: number, ended: number, bytes: number, write: boolean): void {
    if (ended >= this.#intervalEnd) this.#close(ended);
    const ns = Math.max(1, Math.round((ended - begun) * nsPerMs));
    this.#all.record(ns);
    this.#latest.record(ns);
    this.#latestCount++;
    this.operations++;
    this.bytes += bytes;
    if (!write) this.reads++;
  }

  latency(): LatencyReport {
    if (this.operations === 0) return { mean: null, p50: null, p90: null, p99: null, p999: null, max: null };
    const at = (percentile: number) => us(this.#all.percentile(percentile));
    return {
      mean: us(this.#all.mean),
      p50: at(50),
      p90: at(90),
      p99: at(99),
      p999: at(99.9),
      max: us(this.#all.max),
    };
  }

  #close(now: number): void {
    const empty = this.#latestCount === 0;
    this.intervals.push({
      atMs: Math.round(now - this.#begun),
      operations: this.#latestCount,
      p50Us: empty ? null : us(this.#latest.percentile(50)),
      p99Us: empty ? null : us(this.#latest.percentile(99)),
    });
    this.#latest.reset();
    this.#latestCount = 0;
    this.#intervalEnd = now + intervalMs;
  }
}

function newHistogram(): RecordableHistogram {
  return createHistogram({ lowest: 1, highest: 3_600_000_000_000, figures: 3 });
}

function us(ns: number): number {
  return Math.round(ns / 10) / 100;
}
