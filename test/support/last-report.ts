// The end of a child process.

import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** The last message of a child process from now on, undefined if it sends none, and its exit code and signal. */
export async function lastReport(child: ChildProcess): Promise<{ report: unknown; end: unknown[] }> {
  let report: unknown;
  child.on('message', (message) => {
    report = message;
  });
  // A message may arrive after 'exit', but not after the end of its channel.
  const [end] = await Promise.all([once(child, 'exit'), once(child, 'disconnect')]);
  return { report, end };
}
