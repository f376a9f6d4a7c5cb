import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import type { StressOptions } from './options.js';
import { targets } from './target.js';

const DEFAULT_LOOPS = 100;

/** Either something to run, or the status to end with after a help text or a complaint has been written. */
export type ParsedArguments<Options> =
  | { readonly options: Options; readonly json: string | undefined }
  | { readonly status: number };

/** Where the help text and complaints go. */
export interface ArgumentOutput {
  writeOut(text: string): void;
  writeErr(text: string): void;
}

export const BAD_ARGUMENTS = 2;

export const processOutput: ArgumentOutput = {
  writeOut: (text) => process.stdout.write(text),
  writeErr: (text) => process.stderr.write(text),
};

export function parseArguments(
  words: readonly string[],
  output: ArgumentOutput = processOutput,
): ParsedArguments<StressOptions> {
  const command = new Command('npm run stress --')
    .description(
      'Attaches and detaches NVMe/RDMA controllers in loops, and reports hangs, failures and leaks.',
    )
    .addOption(
      new Option('--loops <N>', 'how many times to attach and detach all controllers')
        .argParser(integer(1, 10_000_000))
        .default(DEFAULT_LOOPS)
        .conflicts('seconds'),
    )
    .option('--seconds <S>', 'go on for this long instead of a number of loops', integer(1, 7 * 86_400))
    .option('--pollers <P>', 'poller threads', integer(1, 64), 2)
    .option('--io-queues <Q>', 'I/O queues of each controller', integer(1, 64), 2)
    .option('--controllers <C>', 'controllers attached at once', integer(1, targets.length), 2)
    .addHelpText(
      'after',
      '\nExit status: 0 every loop completed without a hang or a leak, 1 otherwise, 2 bad arguments, 130 Ctrl-C.',
    );
  const parsed = parseWith<StressOptions>(command, words, output);
  if ('status' in parsed) return parsed;
  const { loops, seconds, ...rest } = parsed.options;
  return {
    options: seconds === undefined ? { loops, ...rest } : { seconds, ...rest },
    json: parsed.json,
  };
}

/** Parses what a command takes, and `--json`. */
export function parseWith<Options extends object>(
  command: Command,
  words: readonly string[],
  output: ArgumentOutput,
): ParsedArguments<Options> {
  command
    .option('--json <FILE>', 'write the report there as JSON', writableFile)
    .configureOutput(output)
    .exitOverride();
  try {
    command.parse(words, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) return { status: error.exitCode === 0 ? 0 : BAD_ARGUMENTS };
    throw error;
  }
  const { json, ...options } = command.opts<{ json?: string }>();
  return { options: options as Options, json };
}

export function integer(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    throw new InvalidArgumentError(`Give a whole number from ${least} to ${most}.`);
  };
}

/** A run may take hours: what would keep its report from being written has to show before. */
export function writableFile(path: string): string {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (path === '' || stats?.isDirectory()) throw new InvalidArgumentError('Give the name of a file.');
  if (!stats && !statSync(dirname(path), { throwIfNoEntry: false })?.isDirectory()) {
    throw new InvalidArgumentError(`Make the folder ${dirname(path)} first.`);
  }
  return path;
}
