import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../testing/random.js';
import { nextPathFault, type PathFaultKind } from './path-plan.js';
import type { PathTarget } from './path-target.js';

/** Disturbs paths until the signal fires. When the promise settles, everything is as it was before. */
export async function disturbPaths(
  target: PathTarget,
  random: Random,
  clients: number,
  signal: AbortSignal,
  report: (kind: PathFaultKind) => void,
): Promise<void> {
  const pause = (ms: number) => sleep(ms, undefined, { signal }).catch(() => {});
  while (!signal.aborted) {
    const fault = nextPathFault(random, clients, target.faults);
    await pause(fault.afterMs);
    if (signal.aborted) return;
    const undo = await target.inflict(fault);
    report(fault.kind);
    try {
      await pause(fault.forMs);
    } finally {
      await undo();
    }
  }
}
