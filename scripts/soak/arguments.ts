import { Command, CommanderError } from 'commander';
import {
  type ArgumentOutput,
  BAD_ARGUMENTS,
  integer,
  processOutput,
  writableFile,
} from '../stress/arguments.js';
import type { SoakOptions } from './options.js';
import { mostControllers } from './targets.js';

/** Either something to run, or the status to end with after a help text or a complaint has been written. */
export type ParsedArguments =
  | { readonly options: SoakOptions; readonly json: string | undefined }
  | { readonly status: number };

const maxSeed = 2 ** 31 - 1;

export function parseArguments(
  words: readonly string[],
  output: ArgumentOutput = processOutput,
): ParsedArguments {
  const command = new Command('npm run soak --')
    .description(
      'Attaches controllers on the fabric, reads and writes with checksums, resets and detaches, all at random, while ' +
        'the target is disturbed at random; and reports hangs, wrong data and leaks.',
    )
    .option('--minutes <M>', 'how long', integer(1, 7 * 24 * 60), 2)
    .option(
      '--seed <S>',
      'repeats the choices of a run (default: any)',
      integer(0, maxSeed),
      Math.floor(Math.random() * maxSeed),
    )
    .option('--controllers <C>', 'controllers that work at once', integer(1, mostControllers), 4)
    .option('--pollers <P>', 'poller threads', integer(1, 64), 2)
    .option('--json <FILE>', 'write the report there as JSON', writableFile)
    .addHelpText('after', '\nExit status: 0 clean, 1 otherwise, 2 bad arguments, 130 Ctrl-C.')
    .configureOutput(output)
    .exitOverride();
  try {
    command.parse(words, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) return { status: error.exitCode === 0 ? 0 : BAD_ARGUMENTS };
    throw error;
  }
  const { json, ...options } = command.opts<SoakOptions & { json?: string }>();
  return { options, json };
}
