import { type Command, CommanderError } from 'commander';
import { exitStatus } from '../../cli/engine/exit.js';
import { writableFile } from '../../cli/engine/files.js';
import { reportOption } from '../../cli/report/option.js';

/** The run, or the exit status after a help text or an error message was written. */
export type ParsedArguments<Options> =
  | { readonly options: Options; readonly files: ReportFiles }
  | { readonly status: number };

/** Where a run's report is written, besides the terminal. */
export interface ReportFiles {
  readonly json?: string | undefined;
  /** A page with charts. */
  readonly html?: string | undefined;
}

/** Where the help text and complaints go. */
export interface ArgumentOutput {
  writeOut(text: string): void;
  writeErr(text: string): void;
}

export const processOutput: ArgumentOutput = {
  writeOut: (text) => process.stdout.write(text),
  writeErr: (text) => process.stderr.write(text),
};

/** Parses what a command takes, `--json` and `--report`. */
export function parseWith<Options extends object>(
  command: Command,
  words: readonly string[],
  output: ArgumentOutput,
): ParsedArguments<Options> {
  command
    .option('--json <FILE>', 'write the report to this file as JSON', writableFile)
    .addOption(reportOption())
    .configureOutput(output)
    .exitOverride();
  try {
    command.parse(words, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError)
      return { status: error.exitCode === 0 ? exitStatus.ok : exitStatus.badArguments };
    throw error;
  }
  const { json, report, ...options } = command.opts<{ json?: string; report?: string }>();
  return { options: options as Options, files: { json, html: report } };
}
