// The loops of a stress run, and when they end.

import type { Environment } from 'spdk-nvme';
import { collectGarbage } from '../engine/measure/garbage.js';
import type { Tally } from '../engine/measure/tally.js';
import type { StopSignal } from '../engine/process/stop.js';
import { attachAndDetach } from './attach-detach.js';
import type { StressOptions } from './stress-options.js';

/** A target that rejects everything, or a wedged controller, does not get better. */
const FAILED_LOOPS_IN_A_ROW = 5;
/**
 * How many loops there are between two garbage collections. V8 does not know how much native memory a detached
 * controller holds, so it frees it late; hundreds of them would look like growth.
 */
const LOOPS_A_COLLECTION = 10;
/** Ctrl-C lets the present loop end if it does so soon. */
const STOPPED_LOOP_LIMIT_MS = 500;

/**
 * Loops until the number or the time that was asked for is reached, a signal arrives, or nothing succeeds any more.
 */
export async function runLoops(
  environment: Environment,
  options: StressOptions,
  stop: StopSignal,
  tally: Tally,
): Promise<void> {
  const { loops, seconds } = options;
  const end = seconds === undefined ? Number.POSITIVE_INFINITY : performance.now() + seconds * 1000;
  const maxLoops = loops ?? Number.POSITIVE_INFINITY;
  let failedInARow = 0;
  while (tally.loops < maxLoops && performance.now() < end && !stop.requested) {
    const failed = tally.failed;
    const loop = attachAndDetach(environment, options, tally);
    if (!(await stop.waitFor(loop, STOPPED_LOOP_LIMIT_MS))) return tally.leave();
    if (tally.loops % LOOPS_A_COLLECTION === 0) collectGarbage();
    failedInARow = tally.failed > failed ? failedInARow + 1 : 0;
    if (failedInARow === FAILED_LOOPS_IN_A_ROW) break;
  }
}
