// What all ways to attach and detach have in common.

import type { Cycle, SideName } from '../messages.js';

/** One way to attach and detach. It is idle, and uses no processor time, until it is asked for cycles. */
export interface Side {
  readonly name: SideName;
  run(ioQueues: number, cycles: number): Promise<Outcome>;
  close(): Promise<void>;
}

export interface Outcome {
  readonly cycles: readonly Cycle[];
  readonly failed: number;
}

/** Runs cycles one after the other. One that fails is counted and reported on stderr. */
export async function repeat(cycles: number, once: () => Promise<Cycle>): Promise<Outcome> {
  const done: Cycle[] = [];
  let failed = 0;
  while (done.length + failed < cycles) {
    try {
      done.push(await once());
    } catch (error) {
      failed += 1;
      console.error(error instanceof Error ? error.message : error);
    }
  }
  return { cycles: done, failed };
}
