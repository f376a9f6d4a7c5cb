import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import type { FabricRunOptions } from '../fabric/run.js';
import { killGroup } from '../testing/process-group.js';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Runs a command on this host, for targets that need no fabric. Resolves with its exit status. */
export async function runHere(
  [program = '', ...args]: readonly string[],
  { env, signal, stdout, stderr }: FabricRunOptions,
): Promise<number> {
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
    // It gets a process group of its own: Ctrl-C must not end its targets before the command has ended, and if the
    // command hangs, none of them may outlive it.
    detached: true,
  });
  // The worker ends in its own time.
  const passOn = (name: NodeJS.Signals) => void child.kill(name);
  for (const name of signals) process.on(name, passOn);
  signal?.addEventListener('abort', () => killGroup(child.pid, 'SIGKILL'), { once: true });
  if (stdout) child.stdout.pipe(stdout, { end: false });
  if (stderr) child.stderr.pipe(stderr, { end: false });
  const [code, killedBy] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  for (const name of signals) process.off(name, passOn);
  return code ?? 128 + (killedBy ? constants.signals[killedBy] : 0);
}
