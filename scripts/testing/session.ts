import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { add, type Counts, ran, summary } from './counts.js';
import { duration } from './duration.js';

interface Part {
  title: string;
  run: (folder: string, signal: AbortSignal) => Promise<Counts>;
}

/**
 * Runs the parts one after another, each even where an earlier one failed, and sums them up in a last line. Ctrl-C ends
 * the part that runs and skips the rest.
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
        console.error(`${title} did not run: ${error instanceof Error ? error.message : error}`);
        return { passed: 0, failed: 1, skipped: 0 };
      });
      results.push({ title, counts: ran(counts), ms: performance.now() - start });
    }
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
  if (stoppedBy) return 128 + os.constants.signals[stoppedBy];

  console.log('');
  for (const { title, counts, ms } of results) {
    console.log(`${title}: ${summary(counts)} (${duration(ms)})`);
  }
  const all = add(...results.map(({ counts }) => counts));
  console.log(`\n${summary(all)}`);
  return all.failed === 0 && all.passed > 0 ? 0 : 1;
}
