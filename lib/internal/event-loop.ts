// The event loop, its timers and its clock.

/**
 * Functions of the event loop as they are when this module is loaded; nothing else of this package uses the global ones. Test runners
 * replace those by functions that stand still until they are told otherwise, which targets and SPDK know nothing of: the program's
 * I/O goes on, its calls settle on time, and what was lost is attached again.
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
