// The part of `npm test` that builds and runs the C++ tests.

import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { compilerCache } from '../setup/compiler-cache.js';
import { removeMovedBuild } from '../setup/moved-build.js';
import { buildFolder, root } from '../setup/paths.js';
import { add, type Counts, judged, within } from './counts.js';
import { checkInstructions, recordInstructions } from './instructions.js';
import { runGroup } from './process-group.js';

const require = createRequire(import.meta.url);

/** Each build has its own folder, so that none is rebuilt because of another. */
const BUILDS = [
  { name: 'native', sanitize: '' },
  { name: 'native-thread', sanitize: 'thread' },
  { name: 'native-address', sanitize: 'address,undefined' },
];

/** Builds test/native with the processor time that others leave. What fails to build is reported by {@link runNativeTests}. */
export async function prepareNativeTests(signal: AbortSignal): Promise<void> {
  for (const { name, sanitize } of BUILDS) await build(name, sanitize, signal, ['chrt', '--idle', '0']);
}

/**
 * Builds and runs test/native: once as it is, and the tests that need no SPDK also under the sanitizers; and counts the
 * instructions of a command.
 */
export async function runNativeTests(
  folder: string,
  signal: AbortSignal,
  recordsInstructions = false,
): Promise<Counts> {
  const all: Counts[] = [];
  for (const { name, sanitize } of BUILDS) {
    console.log(`\nC++ tests${sanitize ? `, -fsanitize=${sanitize}` : ''}`);
    const counts = await buildAndTest(name, sanitize, path.join(folder, `${name}.xml`), signal);
    all.push(sanitize ? within(`-fsanitize=${sanitize}`, counts) : counts);
  }
  console.log('\nInstructions');
  if (recordsInstructions) await recordInstructions(signal);
  all.push(await checkInstructions(signal));
  return add(...all);
}

async function buildAndTest(
  name: string,
  sanitize: string,
  report: string,
  signal: AbortSignal,
): Promise<Counts> {
  const failed = await build(name, sanitize, signal);
  if (failed) {
    console.log(failed.output);
    return { passed: 0, failures: [`cmake-js ${failed.step}`], skipped: 0 };
  }
  const out = path.join(buildFolder, name);
  // Two at a time: half of the tests' time is waiting.
  const how = ['--parallel', '2', '--output-on-failure', '--no-tests=error'];
  const args = ['--test-dir', out, ...how, '--output-junit', report];
  const { exitCode } = await execa('ctest', args, { stdio: 'inherit', reject: false, cancelSignal: signal });
  return judged(readJunit(report), exitCode ?? 1);
}

/** Builds the tests; the step that failed, and what it printed. `before` is what each command is started by. */
async function build(
  name: string,
  sanitize: string,
  signal: AbortSignal,
  before: readonly string[] = [],
): Promise<{ step: string; output: string } | undefined> {
  const source = path.join(root, 'native');
  const out = path.join(buildFolder, name);
  removeMovedBuild(out, source);
  const folders = ['-d', source, '-O', out];
  const options = ['-B', 'RelWithDebInfo', `--CDSPDK_NVME_SANITIZE=${sanitize}`];
  const cmakeJs = [process.execPath, require.resolve('cmake-js/bin/cmake-js'), ...folders, ...options];
  const jobs = ['--parallel', String(os.availableParallelism())];
  for (const [step, ...args] of [['configure'], ['build', ...jobs]] as const) {
    const [command = '', ...rest] = [...before, ...cmakeJs, step, ...args];
    const built = await runGroup(command, rest, signal, { env: compilerCache(root) });
    if (built.failed) return { step, output: built.all };
  }
  return undefined;
}

/** CTest's own totals, attributes of the file's only test suite, and the names of the tests that failed. */
export function readJunit(file: string): Counts {
  const text = fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '';
  const suite = text.match(/<testsuite\b[^>]*>/)?.[0] ?? '';
  const total = (name: string) => Number(suite.match(new RegExp(`\\b${name}="(\\d+)"`))?.[1] ?? 0);
  const failures = [...text.matchAll(/<testcase name="([^"]*)"[^>]* status="fail"/g)].map(
    ([, name = '']) => name,
  );
  const skipped = total('skipped') + total('disabled');
  return { passed: total('tests') - total('failures') - skipped, failures, skipped };
}
