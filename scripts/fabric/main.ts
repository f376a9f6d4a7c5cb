// `npm run fabric`: reads the arguments and runs a command on the fabric.

import { Command } from 'commander';
import { integer } from '../../cli/engine/options/numbers.js';
import { exitWhenWritten } from '../written.js';
import { FabricError } from './errors.js';
import { runInFabric } from './run.js';

interface MainOptions {
  output?: string;
  deadline?: number;
  memory?: number;
  hugepages?: number;
  env: string[];
  quiet?: true;
}

/** Timers of Node.js count milliseconds in 31 bits. */
const MAX_DEADLINE_S = 2_147_483;
/** 1 TiB. */
const MAX_MEMORY_MIB = 1_048_576;

const program = new Command('npm run fabric --')
  .description(
    'Runs a command as root on a soft-RoCE fabric with an NVMe target; without a command, a shell.',
  )
  .argument('[command...]', 'the command and its arguments, as after `env`')
  .option(
    '--output <folder>',
    'the host folder that the command can write to (also in SPDK_NVME_FABRIC_OUTPUT)',
  )
  .option(
    '--deadline <seconds>',
    'end the command after this time, with status 124',
    integer(1, MAX_DEADLINE_S),
  )
  .option('--memory <MiB>', 'memory of the guest', integer(1, MAX_MEMORY_MIB))
  .option('--hugepages <count>', 'number of 2 MiB pages in the guest', integer(1, MAX_MEMORY_MIB / 2))
  .option('--env <name[=value]>', 'pass one more variable', (value, all: string[]) => [...all, value], [])
  .option('--quiet', 'print only the output of the command')
  // Everything after the command belongs to it, including options.
  .passThroughOptions();

function extraEnvironment(variables: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    variables.map((word) => {
      const at = word.indexOf('=');
      return at < 0 ? [word, process.env[word] ?? ''] : [word.slice(0, at), word.slice(at + 1)];
    }),
  );
}

async function main(): Promise<number> {
  program.parse();
  const options = program.opts<MainOptions>();
  const { stdin, stdout, stderr } = process;
  const terminal = stdin.isTTY && stdout.isTTY && stderr.isTTY;
  if (program.args.length === 0 && !terminal) {
    throw new FabricError('Name a command, for example: npm run fabric -- rdma link');
  }
  const command = program.args.length > 0 ? program.args : [process.env.SHELL || '/bin/sh'];
  return runInFabric(command, {
    stdin,
    outputDir: options.output,
    deadlineMs: options.deadline && options.deadline * 1000,
    memoryMb: options.memory,
    hugepages: options.hugepages,
    env: extraEnvironment(options.env),
    tty: terminal ? { rows: stdout.rows, columns: stdout.columns } : undefined,
    report: options.quiet
      ? undefined
      : (line) => stderr.write(`fabric: ${line.replaceAll('\n', '\r\n')}\r\n`),
  });
}

main().then(
  (status) => exitWhenWritten(status),
  (error: unknown) => {
    // Failures of the fabric itself have the status 125, as in `docker run` and `env`.
    process.stderr.write(`fabric: ${error instanceof FabricError ? error.message : String(error)}\n`);
    return exitWhenWritten(125);
  },
);
