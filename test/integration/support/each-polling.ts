import type { PollingMode } from '../../../lib/index.js';

/** All ways of polling. */
export const pollings = ['threads', 'inline', 'adaptive'] as const satisfies readonly PollingMode[];

/**
 * Runs a test for each way of polling, all at the same time: for tests that wait most of their time. An error says for which of them
 * it failed. `i` counts them.
 */
export async function eachPolling(act: (polling: PollingMode, i: number) => Promise<void>): Promise<void> {
  const acts = pollings.map((polling, i) =>
    act(polling, i).catch((error: Error) => {
      error.message = `polled by ${polling}: ${error.message}`;
      throw error;
    }),
  );
  await Promise.all(acts);
}

let last: Promise<unknown> = Promise.resolve();

/** Calls a function once earlier calls by this one have ended: an attach, whose time limit counts on the processors that one alone has. */
export function inTurn<Result>(call: () => Promise<Result>): Promise<Result> {
  const result = last.then(call);
  last = result.catch(() => {});
  return result;
}
