// The event loop, its timers and its clock.

import { performance } from 'node:perf_hooks';
import {
  clearImmediate,
  clearInterval,
  clearTimeout,
  setImmediate,
  setInterval,
  setTimeout,
} from 'node:timers';

const microtasks = Promise.resolve();

/** As queueMicrotask(); an error of the work is thrown in the next turn. */
function queueMicrotaskByPromise(work: () => void): void {
  microtasks.then(work).catch((error: unknown) =>
    setImmediate(() => {
      throw error;
    }),
  );
}

/** No module has queueMicrotask(). Jest and Sinon replace it; what they put there has its clock. */
const realMicrotask = 'clock' in queueMicrotask ? queueMicrotaskByPromise : queueMicrotask;

const { nextTick } = process;

/** Calls when all microtasks have run, before the event loop goes on. */
function afterMicrotasks(work: () => void): void {
  // Called from a callback of the event loop, nextTick() alone would call before the microtasks.
  microtasks.then(() => nextTick(work));
}

/**
 * The functions of the event loop; the rest of this package uses only these. Test runners replace the global ones by fake timers that do
 * not advance by themselves. Targets and SPDK run in real time, so time limits and reconnects must do so, too. Those of Node.js's modules
 * stay real, also where this package is loaded under fake timers.
 */
export const eventLoop = {
  setImmediate,
  clearImmediate,
  queueMicrotask: realMicrotask,
  /** As queueMicrotask(), in half the time, for work that does not throw. */
  soon: (work: () => void): void => void microtasks.then(work),
  // Jest and Sinon may replace process.nextTick(), and there is no other of its kind.
  afterMicrotasks: 'clock' in nextTick ? (work: () => void) => void setImmediate(work) : afterMicrotasks,
  setTimeout,
  clearTimeout,
  setInterval,
  clearInterval,
  /** Milliseconds, of a clock that never goes back. */
  now: performance.now.bind(performance),
  timeOrigin: performance.timeOrigin,
  /** Milliseconds since 1970. */
  wallNow: Date.now,
};

/** A limit that ends later than this after its time was kept back: JavaScript was busy, or the whole process was stopped. */
const keptBackMs = 500;
/** How long such a limit waits once more, at most. */
const graceMs = 1_000;

/**
 * As setTimeout(), for a time limit: what has arrived by then is delivered first. If JavaScript was busy meanwhile, or was stopped by a debugger,
 * timers run before it. If the whole process was stopped, as by Ctrl-Z, so were the threads of native code, which have to come to what has
 * arrived. `over` may still be called after clearTimeout().
 */
export function setLimit(over: () => void, ms: number): NodeJS.Timeout {
  const end = eventLoop.now() + ms;
  const deliver = () => eventLoop.setImmediate(over);
  return eventLoop.setTimeout(() => {
    if (eventLoop.now() - end < keptBackMs) deliver();
    else eventLoop.setTimeout(deliver, Math.min(ms, graceMs)).unref();
  }, ms);
}

/** Throws what a listener or a callback of the program has thrown: it is the program's, an uncaught exception, and the caller goes on. */
export function throwUncaught(error: unknown): void {
  eventLoop.queueMicrotask(() => {
    throw error;
  });
}
