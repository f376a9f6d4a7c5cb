// Fuzzes native code, in a child process that may crash.

import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The task of the child. */
export interface ChildTask {
  readonly seconds: number;
  readonly seed: number;
  /** The addresses of targets on this machine; one without a listener works too. */
  readonly transportIds: readonly string[];
  /** The file in which the child writes what it is doing. */
  readonly journal: string;
}

export interface NativeOutcome {
  readonly calls: number;
  /** Calls that threw an error, which nearly all should. */
  readonly rejected: number;
  /** Controllers that were attached and could be called. */
  readonly attached: number;
}

/** How long a process may take to end, with SPDK in it. */
const endLimitMs = 30_000;

/** Runs the child. Throws if it crashed, hung, or got an error that it should not have. */
export async function fuzzNative(
  seconds: number,
  seed: number,
  transportIds: readonly string[],
): Promise<NativeOutcome> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'spdk-nvme-fuzz-'));
  const journal = path.join(folder, 'journal');
  const task: ChildTask = { seconds, seed, transportIds, journal };
  const program = fileURLToPath(new URL('native-child.ts', import.meta.url));
  const args = ['--import', import.meta.resolve('tsx'), program, JSON.stringify(task)];
  try {
    const stdout = await new Promise<string>((resolve, reject) => {
      const timeout = seconds * 1_000 + endLimitMs;
      execFile(process.execPath, args, { timeout, killSignal: 'SIGKILL' }, (error, output, stderr) => {
        if (!error) {
          resolve(output);
          return;
        }
        const how = error.signal ? `by ${error.signal}${error.killed ? ', since it hung' : ''}` : error.code;
        const last = readFileSync(journal, 'utf8').trim();
        reject(new Error(`seed ${seed}: ended ${how} at call ${last}\n${stderr}`));
      });
    });
    return JSON.parse(stdout) as NativeOutcome;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
