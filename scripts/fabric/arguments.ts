import { type Command, CommanderError } from 'commander';
import { exitStatus } from '../../cli/engine/exit.js';
import { writableFile } from '../../cli/engine/files.js';

/** The run, or the exit status after a help text or an error message was written. */
export type ParsedArguments<Options> =
  | { readonly options: Options; readonly json: string | undefined }
  | { readonly status: number };

/** The streams for the help text and error messages. */
export interface ArgumentOutput {
  writeOut(text: string): void;
  writeErr(text: string): void;
}

export const processOutput: ArgumentOutput = {
  writeOut: (text) => process.stdout.write(text),
  writeErr: (text) => process.stderr.write(text),
};

/** Parses the options of a command, and `--json`. */
export function parseWith<Options extends object>(
  command: Command,
  words: readonly string[],
  output: ArgumentOutput,
): ParsedArguments<Options> {
  command
    .option('--json <FILE>', 'write the report to this file as JSON', writableFile)
    .configureOutput(output)
    .exitOverride();
  try {
    command.parse(words, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError)
      return { status: error.exitCode === 0 ? exitStatus.ok : exitStatus.badArguments };
    throw error;
  }
  const { json, ...options } = command.opts<{ json?: string }>();
  return { options: options as Options, json };
}
