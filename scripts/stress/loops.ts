import type { Environment } from '../../lib/index.js';
import { attachAndDetach } from './loop.js';
import type { StressOptions } from './options.js';
import type { StopSignal } from './stop.js';
import type { Tally } from './tally.js';
import { targets } from './target.js';

/** A target that refuses everything, or a wedged controller, does not get better. */
const FAILED_LOOPS_IN_A_ROW = 5;
/** Ctrl-C lets the present loop end if it does so soon: the fabric is taken away some seconds later. */
const STOPPED_LOOP_LIMIT_MS = 2_000;

/**
 * Loops until the number or the time that was asked for is reached, a signal arrives, or nothing succeeds any more.
 */
export async function runLoops(
  environment: Environment,
  { loops, seconds, controllers, ioQueues }: StressOptions,
  stop: StopSignal,
  tally: Tally,
): Promise<void> {
  const transportIds = targets.slice(0, controllers);
  const end = seconds === undefined ? Number.POSITIVE_INFINITY : performance.now() + seconds * 1000;
  const most = loops ?? Number.POSITIVE_INFINITY;
  let failedInARow = 0;
  while (tally.loops < most && performance.now() < end && !stop.requested) {
    const failed = tally.failed;
    const loop = attachAndDetach(environment, transportIds, ioQueues, tally);
    if (!(await stop.waitFor(loop, STOPPED_LOOP_LIMIT_MS))) return;
    failedInARow = tally.failed > failed ? failedInARow + 1 : 0;
    if (failedInARow === FAILED_LOOPS_IN_A_ROW) break;
  }
}
