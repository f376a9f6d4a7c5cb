// Abort signals, with one listener for all that wait for the same one.

import { SpdkError } from '../errors/spdk-error.js';

/** Who wants to hear of a signal: one listener stands for all of them. */
const listening = new WeakMap<
  AbortSignal,
  { readonly heard: Set<() => void>; readonly listener: () => void }
>();

/**
 * Has `heard` called when the signal fires. Any number of operations share one listener, so that Node.js does not take
 * them for a leak.
 * @throws {SpdkError} ERR_SPDK_INVALID_ARG_VALUE for a signal that is none and throws
 */
export function onAbort(signal: AbortSignal, heard: () => void): void {
  const known = listening.get(signal);
  if (known) {
    known.heard.add(heard);
    return;
  }
  const all = new Set([heard]);
  const listener = (): void => {
    listening.delete(signal);
    for (const each of all) each();
  };
  // Before it is listened to: what only looks like a signal may fire in there.
  listening.set(signal, { heard: all, listener });
  try {
    signal.addEventListener('abort', listener, { once: true });
  } catch (cause) {
    listening.delete(signal);
    throw new SpdkError(
      'ERR_SPDK_INVALID_ARG_VALUE',
      'Listening to the signal threw an error; see its cause',
      {
        cause,
      },
    );
  }
}

/** The call that `heard` was for has ended. */
export function offAbort(signal: AbortSignal, heard: () => void): void {
  const known = listening.get(signal);
  if (!known?.heard.delete(heard) || known.heard.size > 0) return;
  listening.delete(signal);
  try {
    signal.removeEventListener('abort', known.listener);
  } catch {
    // Only something that is no AbortSignal throws here, and nobody hears the listener any more.
  }
}
