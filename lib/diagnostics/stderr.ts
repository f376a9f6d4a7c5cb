// Writing to standard error, with or without a reader.

import { eventLoop } from '../internal/event-loop.js';

/** Writes whose error has not been reported yet. */
let outstanding = 0;
const ignore = (): void => {};

/**
 * As `process.stderr.write()`, but when its reader has ended, the event `error` does not end the program: no user of
 * this package can be expected to listen to it, and `console.error()` does not prevent it either.
 */
export function writeToStderr(text: string): void {
  const { stderr } = process;
  if (outstanding++ === 0) stderr.on('error', ignore);
  stderr.write(text, () => {
    // The event follows the callback.
    eventLoop.setImmediate(() => {
      if (--outstanding === 0) stderr.off('error', ignore);
    });
  });
}
