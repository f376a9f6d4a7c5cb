import { type Command, CommanderError } from 'commander';
import { exitStatus } from '../../cli/engine/exit.js';
import { writableFile } from '../../cli/engine/files.js';

/** Either something to run, or the status to end with after a help text or a complaint has been written. */
export type ParsedArguments<Options> =
  | { readonly options: Options; readonly json: string | undefined }
  | { readonly status: number };

/** Where the help text and complaints go. */
export interface ArgumentOutput {
  writeOut(text: string): void;
  writeErr(text: string): void;
}

export const processOutput: ArgumentOutput = {
  writeOut: (text) => process.stdout.write(text),
  writeErr: (text) => process.stderr.write(text),
};

/** Parses what a command takes, and `--json`. */
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
