// Work that runs later.

import { eventLoop } from '../internal/event-loop.js';

/**
 * The threads of the addon in memory: work that runs later, in the order of its time. Like the addon's own threads it does not
 * keep the process alive. Fake timers make it a virtual clock.
 */
export class Scheduler {
  readonly #timers = new Set<NodeJS.Timeout>();

  /** Work that has not run yet. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Runs the work after this many milliseconds; 0 is a later turn of the event loop. Gives the function that cancels it. */
  after(ms: number, work: () => void): () => void {
    const timer = eventLoop
      .setTimeout(() => {
        this.#timers.delete(timer);
        work();
      }, ms)
      .unref();
    this.#timers.add(timer);
    return () => {
      eventLoop.clearTimeout(timer);
      this.#timers.delete(timer);
    };
  }
}
