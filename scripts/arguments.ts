// The arguments that the scripts have in common.

import { type Command, CommanderError } from 'commander';
import { writableFile } from '../cli/engine/files/named-files.js';
import { integer } from '../cli/engine/options/numbers.js';
import { checkValues } from '../cli/engine/options/values.js';
import { exitStatus } from '../cli/engine/process/exit.js';
import { reportOption } from '../cli/report/option.js';

/** The options, or the exit status after a help text or an error message was written. */
export type Parsed<Options> =
  | { readonly options: Options; readonly status?: never }
  | { readonly status: number };

/** As `Parsed`, for a run that reports. */
export type ParsedRun<Options> =
  | { readonly options: Options; readonly files: ReportFiles; readonly status?: never }
  | { readonly status: number };

/** Where a run's report is written, besides the terminal. */
export interface ReportFiles {
  readonly json?: string | undefined;
  /** A page with charts. */
  readonly html?: string | undefined;
}

/** The streams for the help text and error messages. */
export interface ArgumentOutput {
  writeOut(text: string): void;
  writeErr(text: string): void;
}

const processOutput: ArgumentOutput = {
  writeOut: (text) => process.stdout.write(text),
  writeErr: (text) => process.stderr.write(text),
};

/**
 * Parses the arguments of one of the scripts.
 * @param check what is wrong with options that are right one by one
 */
export function parse<Options extends object>(
  command: Command,
  args: readonly string[],
  output: ArgumentOutput = processOutput,
  check: (options: Options) => string | undefined = () => undefined,
): Parsed<Options> {
  command.allowExcessArguments(false).configureOutput(output).exitOverride();
  checkValues(command);
  try {
    const options = command.parse(args, { from: 'user' }).opts<Options>();
    const wrong = check(options);
    if (wrong !== undefined) command.error(`error: ${wrong}`);
    return { options };
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return { status: error.exitCode === 0 ? exitStatus.ok : exitStatus.badArguments };
  }
}

/** As `parse`, with `--json` and `--report`. */
export function parseRun<Options extends object>(
  command: Command,
  args: readonly string[],
  output?: ArgumentOutput,
): ParsedRun<Options> {
  command
    .option('--json <FILE>', 'write the report to this file as JSON', writableFile)
    .addOption(reportOption());
  const parsed = parse<{ json?: string; report?: string }>(command, args, output);
  if (parsed.status !== undefined) return parsed;
  const { json, report, ...options } = parsed.options;
  return { options: options as Options, files: { json, html: report } };
}

const maxSeed = 2 ** 31 - 1;

/** `--seed`, for what does things at random. */
export function addSeedOption(command: Command): Command {
  const any = Math.floor(Math.random() * maxSeed);
  return command.option(
    '--seed <S>',
    'repeats the choices of a run (default: any)',
    integer(0, maxSeed),
    any,
  );
}
