// Waits that end early after a signal.

import { setTimeout as sleep } from 'node:timers/promises';

/** After a signal the report must be written within this time. */
const STOPPED_LIMIT_MS = 200;

/** How long to wait for something that cannot be awaited: for a time, but not long after a signal. */
export class Patience {
  readonly #signal: AbortSignal | undefined;
  #end: number;
  #shortened = false;

  constructor(limitMs: number, signal?: AbortSignal) {
    this.#end = performance.now() + limitMs;
    this.#signal = signal;
  }

  get over(): boolean {
    this.#shorten();
    return performance.now() >= this.#end;
  }

  /** Waits, but neither past the end nor past the signal. */
  async pause(ms: number): Promise<void> {
    this.#shorten();
    const left = Math.max(0, Math.min(ms, this.#end - performance.now()));
    const signal = this.#shortened ? undefined : this.#signal;
    await sleep(left, undefined, { signal }).catch(() => {});
  }

  #shorten(): void {
    if (this.#shortened || !this.#signal?.aborted) return;
    this.#shortened = true;
    this.#end = Math.min(this.#end, performance.now() + STOPPED_LIMIT_MS);
  }
}
