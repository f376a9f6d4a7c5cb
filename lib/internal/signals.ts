// Abort signals, with one listener for all that wait for the same one.

import { reasonOf, SpdkError } from '../errors/spdk-error.js';

/** The reason with which reads are given up that nobody waits for any more, where nothing has timed out and no signal of the program has fired. */
export const unwanted = Symbol('unwanted');

/** The subscribers of a signal, which share one listener. */
const listening = new WeakMap<
  AbortSignal,
  { readonly heard: Set<() => void>; readonly listener: () => void }
>();

/**
 * Calls `heard` when the signal fires. Any number of operations share one listener, so that Node.js does not warn of
 * a leak.
 * @throws {SpdkError} ERR_SPDK_INVALID_ARG_VALUE for an object that is not a signal and throws
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
  // Before listening: an object that only resembles a signal may fire during that.
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

/**
 * As {@link onAbort}, and calls `heard` at once if the signal has fired. Returns what removes the subscriber.
 * @throws {SpdkError} as {@link onAbort}
 */
export function heed(signal: AbortSignal, heard: () => void): () => void {
  if (signal.aborted) heard();
  else onAbort(signal, heard);
  return () => offAbort(signal, heard);
}

/** Does work with a signal that fires with the first of two; either may be absent. */
export async function withEither<Result>(
  first: AbortSignal | undefined,
  second: AbortSignal | undefined,
  work: (signal: AbortSignal | undefined) => Promise<Result>,
): Promise<Result> {
  if (!first || !second) return work(first ?? second);
  // AbortSignal.any() rejects what only behaves like a signal.
  const either = new AbortController();
  const ends: (() => void)[] = [];
  try {
    for (const signal of [first, second]) ends.push(heed(signal, () => either.abort(reasonOf(signal))));
    return await work(either.signal);
  } finally {
    for (const end of ends) end();
  }
}

/** Removes a subscriber whose call has ended. */
export function offAbort(signal: AbortSignal, heard: () => void): void {
  const known = listening.get(signal);
  if (!known?.heard.delete(heard) || known.heard.size > 0) return;
  listening.delete(signal);
  try {
    signal.removeEventListener('abort', known.listener);
  } catch {
    // Only an object that is not an AbortSignal throws here; its listener has no subscribers any more.
  }
}
