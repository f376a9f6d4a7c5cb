// Checks that are not tests of vitest, such as linters.

import { root } from '../setup/paths.js';
import type { Counts } from './counts.js';
import { duration } from './duration.js';
import { type GroupOptions, runGroup } from './process-group.js';

/** A check that passes or fails as a whole. */
export interface Check {
  name: string;
  /** Throws or rejects with a message about the problem. */
  run: (signal: AbortSignal) => Promise<void>;
}

/** Runs all checks in order, even after a failure, with a line for each. */
export async function runChecks(checks: Check[], signal: AbortSignal): Promise<Counts> {
  const counts: Counts = { passed: 0, failures: [], skipped: 0 };
  for (const { name, run } of checks) {
    if (signal.aborted) break;
    const start = performance.now();
    const problem = await run(signal).then(
      () => undefined,
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    );
    const time = duration(performance.now() - start);
    if (problem === undefined) {
      counts.passed++;
      console.log(`passed: ${name} (${time})`);
    } else {
      counts.failures.push(name);
      console.log(`failed: ${name} (${time})\n${problem}`);
    }
  }
  return counts;
}

/**
 * Runs a program to its end.
 * @returns what it wrote to its standard output
 * @throws {Error} with its output, if it did not end with status 0
 */
export async function command(
  file: string,
  args: string[],
  signal: AbortSignal,
  options: GroupOptions = {},
): Promise<string> {
  const result = await runGroup(file, args, signal, { cwd: root, ...options });
  if (result.failed) {
    const how =
      result.exitCode === undefined ? result.shortMessage : `${file} ended with status ${result.exitCode}`;
    throw new Error(`${result.all}\n${how}`);
  }
  return result.stdout;
}
