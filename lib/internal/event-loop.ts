// The event loop, its timers and its clock.

/**
 * The functions of the event loop as they are when this module is loaded; the rest of this package uses only these. Test runners replace
 * the global ones by fake timers that do not advance by themselves. Targets and SPDK run in real time, so time limits and reconnects
 * must do so, too.
 */
export const eventLoop = {
  setImmediate,
  clearImmediate,
  queueMicrotask,
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
