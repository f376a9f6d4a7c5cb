// The programs that the set-up runs, and their logs.

import fs from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { execa } from 'execa';
import { logs } from './paths.js';
import { SetupError } from './step.js';

interface RunOptions {
  cwd?: string;
  env?: Record<string, string>;
  /** A name in the cache's log folder; output is appended there. */
  log: string;
  onLine?: (line: string) => void;
}

/** The running process groups, by the id of their leader. */
const groups = new Set<number>();
let stopped = false;

/**
 * Runs a program to its end and logs its output. It leads its own process group, so that stopping the set-up also
 * stops the compilers that make or ninja have started.
 */
export async function run(file: string, args: string[], options: RunOptions): Promise<void> {
  if (stopped) throw new SetupError('stopped');
  const log = logFile(options.log);
  fs.appendFileSync(log, `$ ${[file, ...args].join(' ')}\n`);
  const out = fs.createWriteStream(log, { flags: 'a' });
  const child = execa(file, args, {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: { LC_ALL: 'C.UTF-8', ...options.env },
    stdin: 'ignore',
    all: true,
    buffer: false,
    detached: true,
    reject: false,
  });
  if (child.pid !== undefined) groups.add(child.pid);
  const lines = createInterface({ input: child.all });
  lines.on('line', (line) => {
    out.write(`${line}\n`);
    options.onLine?.(line.trim());
  });
  const result = await child;
  if (child.pid !== undefined) groups.delete(child.pid);
  await new Promise((resolve) => out.end(resolve));
  if (stopped) throw new SetupError('stopped');
  if (result.failed) throw failure(`${file} ${args[0] ?? ''}`.trim(), result, log);
}

/** The output of a short program; an error if it fails. */
export async function output(file: string, args: string[], log: string): Promise<string> {
  if (stopped) throw new SetupError('stopped');
  const result = await execa(file, args, { env: { LC_ALL: 'C.UTF-8' }, stdin: 'ignore', reject: false });
  if (!result.failed) return result.stdout;
  fs.appendFileSync(logFile(log), `$ ${[file, ...args].join(' ')}\n${result.stderr}\n`);
  throw failure(file, result, logFile(log));
}

function failure(
  what: string,
  result: { exitCode?: number | undefined; shortMessage?: string | undefined },
  log: string,
): SetupError {
  const reason =
    result.exitCode === undefined
      ? (result.shortMessage ?? 'failed')
      : `ended with status ${result.exitCode}`;
  return new SetupError(`${what} ${reason}. The last lines of ${log}:\n${tail(log)}`);
}

function tail(file: string): string {
  const lines = fs.readFileSync(file, 'utf8').trimEnd().split('\n');
  return lines
    .slice(-12)
    .map((line) => `    ${line}`)
    .join('\n');
}

/** Empties a log, so that it contains one run. */
export function newLog(name: string): void {
  fs.rmSync(logFile(name), { force: true });
}

function logFile(name: string): string {
  fs.mkdirSync(logs, { recursive: true });
  return path.join(logs, name);
}

/** Ends all running programs; later calls of `run` fail immediately. */
export function stopProcesses(): void {
  stopped = true;
  signalGroups('SIGTERM');
  setTimeout(() => signalGroups('SIGKILL'), 2_000).unref();
}

function signalGroups(signal: NodeJS.Signals): void {
  for (const pid of groups) {
    try {
      process.kill(-pid, signal);
    } catch {
      // The process group has ended by itself meanwhile.
    }
  }
}
