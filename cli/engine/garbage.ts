import { setTimeout as sleep } from 'node:timers/promises';
import v8 from 'node:v8';
import vm from 'node:vm';

const PAUSE_MS = 50;

let collect: (() => void) | undefined;

/** Collects garbage, so that it does not pass for growth. */
export function collectGarbage(): void {
  collect ??= exposeCollector();
  collect();
}

/** V8 names its collector in contexts that are made after the flag. */
function exposeCollector(): () => void {
  v8.setFlagsFromString('--expose-gc');
  return vm.runInNewContext('gc') as () => void;
}

/**
 * Counts objects that nobody should hold any more but that garbage collection cannot take. A reference cycle through
 * native code keeps objects for ever and shows in no other count but memory, where a short run does not see it.
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

  /** How many of the watched objects are left, when there are none or after `limitMs`. */
  async count(limitMs: number): Promise<number> {
    const end = performance.now() + limitMs;
    do {
      collectGarbage();
      // Finalisers run in a turn of their own.
      await sleep(PAUSE_MS);
    } while (this.#count > 0 && performance.now() < end);
    return this.#count;
  }
}
