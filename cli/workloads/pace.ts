import { setTimeout as sleep } from 'node:timers/promises';

/** Operations that are this late are always caught up: timers wake up some milliseconds late. */
const leastLateMs = 20;
/** At low rates this many late operations are caught up. */
const leastLate = 10;
/** A wait for a low rate checks this often whether the run has ended. */
const longestWaitMs = 50;

/** Spreads operations over time: this many a second, and only a few at the same time after a pause. */
export class Pace {
  readonly #intervalMs: number;
  readonly #maxLateMs: number;
  readonly #phase: number;
  #next: number | undefined;

  /**
   * @param rate operations a second; undefined: no limit
   * @param phase which part of an interval passes before the first operation, so that several queues take turns
   */
  constructor(rate: number | undefined, phase = 0) {
    this.#phase = phase;
    this.#intervalMs = rate === undefined ? 0 : 1_000 / rate;
    this.#maxLateMs = Math.max(leastLateMs, leastLate * this.#intervalMs);
  }

  /** Whether one more operation may start at this time of `performance.now()`; if so, it is counted as started. */
  mayStart(now: number): boolean {
    if (this.#intervalMs === 0) return true;
    this.#next ??= now + this.#phase * this.#intervalMs;
    const next = this.#next;
    if (now < next) return false;
    // Operations that were missed in a long pause are not made up for.
    this.#next = Math.max(next, now - this.#maxLateMs) + this.#intervalMs;
    return true;
  }

  /** How long to wait for the next operation, or before the next check whether the run has ended. */
  delay(now: number): number {
    return Math.min(longestWaitMs, Math.max(1, (this.#next ?? now) - now));
  }

  async wait(now: number): Promise<void> {
    await sleep(this.delay(now));
  }
}
