// For tests whose fake timers are to be those of this package, too: its time is then what the test makes it.

import { eventLoop } from '../../lib/internal/event-loop.js';
import { forever } from '../../lib/internal/process-hold.js';

const kept = eventLoop.setInterval;

type Given<Work extends (...given: never[]) => unknown> = Parameters<Work>;

Object.assign(eventLoop, {
  setImmediate: (...given: Given<typeof setImmediate>) => setImmediate(...given),
  clearImmediate: (turn: NodeJS.Immediate) => clearImmediate(turn),
  setTimeout: (...given: Given<typeof setTimeout>) => setTimeout(...given),
  clearTimeout: (timer: NodeJS.Timeout | undefined) => clearTimeout(timer),
  // The one that keeps the process alive turns never, and is no timer of a test.
  setInterval: (work: () => void, ms: number) => (ms === forever ? kept : setInterval)(work, ms),
  clearInterval: (timer: NodeJS.Timeout | undefined) => clearInterval(timer),
  now: () => performance.now(),
  wallNow: () => Date.now(),
});
