import { setTimeout as sleep } from 'node:timers/promises';

/** Spreads operations over time: this many a second, and only a few at the same time after a pause. */
export class Pace {
  readonly #intervalMs: number;
  #next = Number.NEGATIVE_INFINITY;

  /** @param rate operations a second; undefined: no limit */
  constructor(rate: number | undefined) {
    this.#intervalMs = rate === undefined ? 0 : 1_000 / rate;
  }

  /** Whether one more operation may begin at this time of `performance.now()`. */
  take(now: number): boolean {
    if (this.#intervalMs === 0) return true;
    if (now < this.#next) return false;
    // Operations that were missed in a pause are not made up for.
    this.#next = Math.max(this.#next, now - 10 * this.#intervalMs) + this.#intervalMs;
    return true;
  }

  /** Waits until the next operation may begin. */
  async wait(now: number): Promise<void> {
    await sleep(Math.max(1, this.#next - now));
  }
}
