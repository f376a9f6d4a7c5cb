import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import path from 'node:path';
import type { Command } from 'commander';
import { Failure } from '../engine/exit.js';
import { packageRoot } from '../engine/package.js';

export function addBuild(program: Command): void {
  program
    .command('build')
    .description(
      'Build the native addon with the SPDK of this machine, for package managers that run no install scripts.',
    )
    .option('--spdk <PREFIX>', 'where SPDK is installed (default: SPDK_PREFIX, or what pkg-config knows)')
    .addHelpText('after', '\nExit status: 0 the addon is built and loads, 1 otherwise.')
    .action(async ({ spdk }: { spdk?: string }) => {
      process.exitCode = await build(spdk === undefined ? {} : { SPDK_PREFIX: path.resolve(spdk) });
    });
}

/** Runs the install script, which prints what it does and what failed. */
function build(env: Record<string, string>): Promise<number> {
  const script = path.join(packageRoot, 'scripts/install.mjs');
  const child = spawn(process.execPath, [script, '--build'], {
    stdio: 'inherit',
    env: { ...process.env, ...env },
  });
  // A terminal's Ctrl-C reaches the script by itself; this waits for its end.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => child.kill());
  return new Promise((resolve, reject) => {
    child.on('error', (error) => reject(new Failure(`${script} cannot be run: ${error.message}`)));
    child.on('exit', (status, signal) => resolve(status ?? 128 + constants.signals[signal ?? 'SIGTERM']));
  });
}
