import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { onTestFinished } from 'vitest';
import { childFile } from './task.js';

interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Milliseconds since the child reported its step. */
  readonly ms: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface StartedChild {
  readonly ended: Promise<Ending>;
  kill(signal: NodeJS.Signals): void;
}

/** Starts one of the children's programs in a process of its own and waits for the first line it writes. */
export function startChild(program: string, ...args: string[]): Promise<StartedChild> {
  return startChildUnder([], program, ...args);
}

/** As {@link startChild}, as the command of another one. */
export function startChildUnder(
  prefix: readonly string[],
  program: string,
  ...args: string[]
): Promise<StartedChild> {
  const [command = '', ...words] = [...prefix, process.execPath, childFile(program).pathname, ...args];
  return firstLineOf(spawn(command, words, { stdio: ['ignore', 'pipe', 'pipe'] }));
}

/** A child that loads Node.js and the package, which takes most of its time, before it gets its task. */
export interface PreparedChild {
  /** Goes on with the arguments, a line of JSON on its standard input, and waits for the first line it writes. */
  begin(...args: string[]): Promise<StartedChild>;
  kill(): void;
}

export function prepareChild(program: string): PreparedChild {
  const child = spawn(process.execPath, [childFile(program).pathname], { stdio: 'pipe' });
  return {
    begin: (...args) => {
      child.stdin.end(`${JSON.stringify(args)}\n`);
      return firstLineOf(child);
    },
    kill: () => void child.kill('SIGKILL'),
  };
}

async function firstLineOf(
  child: ChildProcessByStdio<null | Writable, Readable, Readable>,
): Promise<StartedChild> {
  onTestFinished(() => void child.kill('SIGKILL'));
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text) => {
      output[name] += text;
    });
  }
  let begun = performance.now();
  const ended = once(child, 'close').then(
    ([code, signal]): Ending => ({ code, signal, ms: performance.now() - begun, ...output }),
  );
  await Promise.race([
    once(child.stdout, 'data'),
    ended.then((ending) => {
      throw new Error(`ended before it said anything: ${JSON.stringify(ending)}`);
    }),
  ]);
  begun = performance.now();
  return { ended, kill: (signal) => void child.kill(signal) };
}
