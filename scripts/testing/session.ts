// The parts of `npm test`, one after another or beside each other.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { add, type Counts, ran, summary, within } from './counts.js';
import { duration } from './duration.js';

export interface Part {
  title: string;
  run: (folder: string, signal: AbortSignal) => Promise<Counts>;
  /** Makes beside the parts before it what this part needs; what goes wrong there is for `run` to find and report. */
  prepare?: (signal: AbortSignal) => Promise<void>;
  /** Runs the part beside the other parts, if there are any, once everything is prepared. */
  beside?: (folder: string, signal: AbortSignal) => Promise<Beside>;
}

/** A part that ran beside others. */
export interface Beside {
  readonly counts: Counts;
  /** The part's output, which would mix with that of the others. */
  readonly output: string;
}

interface Result {
  title: string;
  counts: Counts;
  ms: number;
}

/**
 * Runs the parts one after another, each even if an earlier one failed; some of them run beside others. The last lines
 * are the sums of each part, the name of each test that failed, and the sum of all, so that the end of a log is enough
 * to read. Ctrl-C ends the parts that run and skips the rest.
 */
export async function runParts(parts: Part[]): Promise<number> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'spdk-nvme-test-'));
  const stop = new AbortController();
  let stoppedBy: NodeJS.Signals | undefined;
  const requestStop = (signal: NodeJS.Signals) => {
    stoppedBy ??= signal;
    stop.abort();
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, requestStop);

  const inTurn = parts.filter(({ beside }) => parts.length === 1 || !beside);
  const results: Result[] = [];
  try {
    const preparing = prepareAll(inTurn.slice(1), stop.signal);
    const outputs: string[] = [];
    const besides = parts.flatMap(({ title, beside }) => {
      if (parts.length === 1 || !beside) return [];
      const run = async () => {
        if (preparing) await preparing;
        const { counts, output } = await beside(folder, stop.signal);
        outputs.push(`\n== ${title}, beside the other parts\n${output}`);
        return counts;
      };
      return [measured(title, run)];
    });
    for (const { title, prepare, run } of inTurn) {
      if (stoppedBy) break;
      console.log(`\n== ${title}`);
      const runPrepared = async () => {
        if (prepare) await preparing;
        return run(folder, stop.signal);
      };
      results.push(await measured(title, runPrepared));
    }
    results.unshift(...(await Promise.all(besides)));
    for (const output of outputs) console.log(output);
  } finally {
    for (const signal of signals) process.off(signal, requestStop);
    fs.rmSync(folder, { recursive: true, force: true });
  }
  const all = printSums(results);
  if (stoppedBy) {
    console.log(`The run was stopped by ${stoppedBy}; the rest was not run.`);
    return 128 + os.constants.signals[stoppedBy];
  }
  return all.failures.length === 0 && all.passed > 0 ? 0 : 1;
}

/** What can be made ready before its turn, one after the other; nothing if there is none. */
function prepareAll(parts: readonly Part[], signal: AbortSignal): Promise<void> | undefined {
  const prepares = parts.flatMap(({ prepare }) => prepare ?? []);
  if (prepares.length === 0) return undefined;
  const all = async () => {
    for (const prepare of prepares) await prepare(signal).catch(() => {});
  };
  return all();
}

async function measured(title: string, run: () => Promise<Counts>): Promise<Result> {
  const start = performance.now();
  const counts = await run().catch((error: unknown) => {
    const reason = `did not run: ${error instanceof Error ? error.message : error}`;
    console.error(`${title} ${reason}`);
    return { passed: 0, failures: [reason], skipped: 0 };
  });
  return { title, counts: ran(counts), ms: performance.now() - start };
}

function printSums(results: readonly Result[]): Counts {
  console.log('');
  for (const { title, counts, ms } of results) {
    console.log(`${title}: ${summary(counts)} (${duration(ms)})`);
  }
  const all = add(...results.map(({ title, counts }) => within(title, counts)));
  if (all.failures.length > 0) console.log('');
  for (const name of all.failures) console.log(`failed: ${name}`);
  console.log(`\n${summary(all)}`);
  return all;
}
