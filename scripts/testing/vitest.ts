// The parts of `npm test` that vitest runs.

import fs from 'node:fs';
import path from 'node:path';
import { execa } from 'execa';
import { runInFabric } from '../fabric/run.js';
import { root } from '../setup/paths.js';
import { type Counts, judged, NOTHING } from './counts.js';

// The guest may be ten times slower than the host; this only ends tests that would never end.
const INTEGRATION_DEADLINE_MS = 45 * 60_000;

export interface RunOptions {
  /** The Node.js that runs the tests, and all that they start with `process.execPath`. */
  node?: string;
  /** The test files to run; without them all are run. */
  files?: readonly string[];
  /** Patterns of test files that are not run. */
  except?: readonly string[];
  /** Added to this process's environment. */
  env?: Readonly<Record<string, string>>;
  /** Prints the output at the end of the run: for runs beside each other. */
  late?: boolean;
}

/**
 * The projects that run here: `unit`, `source`, which reads and compiles the checkout, `tcp` with SPDK's own target on
 * the host's loopback, and `fabric`, which tests the fabric from outside.
 */
export async function runOnHost(
  projects: readonly ('unit' | 'source' | 'tcp' | 'fabric')[],
  folder: string,
  signal: AbortSignal,
  { node = process.execPath, files = [], except = [], env = {}, late = false }: RunOptions = {},
): Promise<Counts> {
  const report = path.join(folder, `${projects.join('-')}.json`);
  const [, ...args] = command(projects, report);
  const left = except.map((pattern) => `--exclude=${pattern}`);
  const { exitCode, all } = await execa(node, [...args, ...left, ...files], {
    cwd: root,
    env,
    ...(late ? { stdin: 'ignore', all: true } : { stdio: 'inherit' }),
    reject: false,
    cancelSignal: signal,
  });
  if (late) console.log(all);
  return judged(readReport(report), exitCode ?? 1);
}

export async function runIntegrationTests(folder: string, signal: AbortSignal): Promise<Counts> {
  const report = path.join(folder, 'integration.json');
  const status = await runInFabric(command(['integration*'], report), {
    cwd: root,
    outputDir: folder,
    deadlineMs: INTEGRATION_DEADLINE_MS,
    stdout: process.stdout,
    stderr: process.stderr,
    signal,
    report: (line) => console.log(`fabric: ${line}`),
  });
  return judged(readReport(report), status);
}

function command(projects: readonly string[], report: string): string[] {
  const vitest = path.join(root, 'node_modules/vitest/vitest.mjs');
  // The config is not bundled into a file beside it: the guest cannot write there.
  return [
    process.execPath,
    vitest,
    'run',
    '--configLoader',
    'runner',
    ...projects.map((name) => `--project=${name}`),
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
  ];
}

interface Report {
  numPassedTests: number;
  numPendingTests: number;
  numTodoTests: number;
  testResults: Array<{
    name: string;
    status: string;
    assertionResults: Array<{ ancestorTitles: string[]; title: string; status: string }>;
  }>;
}

/** What vitest's JSON reporter counted. A file that cannot even be loaded is a failed suite without tests. */
export function readReport(file: string): Counts {
  if (!fs.existsSync(file)) return NOTHING;
  const report: Report = JSON.parse(fs.readFileSync(file, 'utf8'));
  return {
    passed: report.numPassedTests,
    failures: report.testResults.flatMap(failuresOf),
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

function failuresOf({ name, status, assertionResults }: Report['testResults'][number]): string[] {
  const file = path.relative(root, name);
  // A failing hook may leave a failed file without a failed test.
  const failed = assertionResults.filter((test) => test.status === 'failed');
  if (status === 'failed' && failed.length === 0) return [`${file} > the file, or a hook of it`];
  return failed.map(({ ancestorTitles, title }) => [file, ...ancestorTitles, title].join(' > '));
}
