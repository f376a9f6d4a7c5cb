import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { add, type Counts, ran, summary, within } from './counts.js';
import { duration } from './duration.js';

export interface Part {
  title: string;
  run: (folder: string, signal: AbortSignal) => Promise<Counts>;
}

/**
 * Runs the parts one after another, each even where an earlier one failed. The last lines are the sums of each part,
 * the name of each test that failed, and the sum of all, so that the end of a log is enough to read. Ctrl-C ends the
 * part that runs and skips the rest.
 */
export async function runParts(parts: Part[]): Promise<number> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'spdk-nvme-test-'));
  const stop = new AbortController();
  let stoppedBy: NodeJS.Signals | undefined;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      stoppedBy ??= signal;
      stop.abort();
    });
  }

  const results: Array<{ title: string; counts: Counts; ms: number }> = [];
  try {
    for (const { title, run } of parts) {
      if (stoppedBy) break;
      console.log(`\n== ${title}`);
      const start = performance.now();
      const counts = await run(folder, stop.signal).catch((error: unknown) => {
        const reason = `did not run: ${error instanceof Error ? error.message : error}`;
        console.error(`${title} ${reason}`);
        return { passed: 0, failures: [reason], skipped: 0 };
      });
      results.push({ title, counts: ran(counts), ms: performance.now() - start });
    }
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
  console.log('');
  for (const { title, counts, ms } of results) {
    console.log(`${title}: ${summary(counts)} (${duration(ms)})`);
  }
  const all = add(...results.map(({ title, counts }) => within(title, counts)));
  if (all.failures.length > 0) console.log('');
  for (const name of all.failures) console.log(`failed: ${name}`);
  console.log(`\n${summary(all)}`);
  if (stoppedBy) {
    console.log(`The run was stopped by ${stoppedBy}; the rest was not run.`);
    return 128 + os.constants.signals[stoppedBy];
  }
  return all.failures.length === 0 && all.passed > 0 ? 0 : 1;
}
