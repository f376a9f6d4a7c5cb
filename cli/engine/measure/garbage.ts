// Garbage collection at the right moment, for runs that look for leaks.

import v8 from 'node:v8';
import vm from 'node:vm';
import type { Patience } from '../process/patience.js';

const PAUSE_MS = 50;

let collect: (() => void) | undefined;

/** Collects garbage, so that it is not counted as growth. */
export function collectGarbage(): void {
  collect ??= exposeCollector();
  collect();
}

/** Makes the collector callable: V8 defines it in contexts that are created after the flag is set. */
function exposeCollector(): () => void {
  v8.setFlagsFromString('--expose-gc');
  return vm.runInNewContext('gc') as () => void;
}

/**
 * Counts objects that should be unused but that garbage collection cannot free. A reference cycle through native code
 * keeps objects indefinitely and shows only in memory, where a short run does not notice it.
 */
export class Retained {
  #count = 0;
  readonly #registry = new FinalizationRegistry<undefined>(() => {
    this.#count -= 1;
  });

  watch(object: object): void {
    this.#count += 1;
    this.#registry.register(object, undefined);
  }

  /** The number of watched objects that remain: 0, or their number when patience ends. */
  async count(patience: Patience): Promise<number> {
    do {
      collectGarbage();
      // Finalisers run in a separate turn.
      await patience.pause(PAUSE_MS);
    } while (this.#count > 0 && !patience.over);
    return this.#count;
  }
}
