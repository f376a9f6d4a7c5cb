// The verb that builds the addon.

import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import path from 'node:path';
import type { Command } from 'commander';
import { Failure } from '../engine/process/exit.js';
import { packageRoot } from '../engine/process/package.js';
import { StopSignal } from '../engine/process/stop.js';

export function addBuild(program: Command): void {
  program
    .command('build')
    .description(
      'Build the native addon with the SPDK of this machine, for package managers that run no install scripts.',
    )
    .option('--spdk <PREFIX>', 'where SPDK is installed (default: SPDK_PREFIX, or what pkg-config finds)')
    .addHelpText('after', '\nExit status: 0 the addon is built and loads, 1 otherwise.')
    .action(async ({ spdk }: { spdk?: string }) => {
      process.exitCode = await build(spdk === undefined ? {} : { SPDK_PREFIX: path.resolve(spdk) });
    });
}

/** The time that compilers have to remove their files after a signal. */
const patienceMs = 1_000;

/** Runs the install script, which prints what it does and what failed. A signal ends it with all that it has started. */
function build(env: Record<string, string>): Promise<number> {
  const script = path.join(packageRoot, 'scripts/install.mjs');
  // First: a signal during the start of the child would leave it.
  const stop = new StopSignal();
  const child = spawn(process.execPath, [script, '--build'], {
    stdio: 'inherit',
    env: { ...process.env, ...env },
    // A process group of its own, all of which a signal reaches.
    detached: true,
  });
  stop.signal.addEventListener('abort', () => {
    signalGroup(child.pid, 'SIGTERM');
    setTimeout(() => signalGroup(child.pid, 'SIGKILL'), patienceMs).unref();
  });
  return new Promise((resolve, reject) => {
    child.on('error', (error) => reject(new Failure(`${script} cannot be run: ${error.message}`)));
    child.on('exit', (status, signal) => {
      // The programs that the child has started may outlive it.
      if (stop.requested) signalGroup(child.pid, 'SIGKILL');
      resolve(stop.status || (status ?? 128 + constants.signals[signal ?? 'SIGTERM']));
    });
  });
}

function signalGroup(leader: number | undefined, signal: NodeJS.Signals): void {
  try {
    if (leader !== undefined) process.kill(-leader, signal);
  } catch {
    // The child has ended.
  }
}
