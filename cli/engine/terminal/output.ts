// How verbs print their results: as text, or as JSON.

import { type Command, Option } from 'commander';
import { UsageError } from '../process/exit.js';
import { toJson } from '../process/json.js';

/** Rises when a field of a verb's JSON changes its meaning. */
const SCHEMA = 1;

export type OutputFormat = 'normal' | 'json';

export interface OutputOptions {
  readonly outputFormat: OutputFormat;
}

/** Adds `-o`, as in nvme-cli. */
export function addOutputOption(command: Command): Command {
  return command.addOption(
    new Option('-o, --output-format <FORMAT>', 'the format of the output')
      .choices(['normal', 'json'])
      .default('normal'),
  );
}

/** Whether the verb has printed JSON. */
let printed = false;

/** A verb begins, and has printed nothing. */
export function beginOutput(): void {
  printed = false;
}

/** Prints the result of a verb: as JSON with the schema number, or as text. */
export function print(format: OutputFormat, value: object, asText: () => string): void {
  printed ||= format === 'json';
  const text = format === 'json' ? toJson({ schema: SCHEMA, ...value }, 2) : harmless(asText());
  // An empty list has no lines.
  if (text !== '') process.stdout.write(`${text}\n`);
}

/** Text without what steers a terminal, as the name of a device or an address in a log could; colours stay. */
export function harmless(text: string): string {
  return text.replace(/[^\n\P{Cc}](?:\[[\d;]*m)?/gu, (found) =>
    found.startsWith('\u001b[') ? found : found.replace(/^\p{Cc}/u, '?'),
  );
}

/** Prints one of several values that come one after the other: a line of JSON for each. */
export function printLine(value: object): void {
  printed = true;
  process.stdout.write(`${toJson({ schema: SCHEMA, ...value })}\n`);
}

/** Why a verb failed, as JSON has it. */
interface PrintedError {
  readonly code: string | null;
  readonly message: string;
  readonly exitStatus: number;
}

/**
 * Prints the reason of a failure as JSON, in the place of a result: a program that parses the output need not look at stderr. Behind a
 * result it would make the output no JSON any more.
 */
export function printError(error: PrintedError): void {
  if (!printed) printLine({ error });
}

export interface RawOptions extends OutputOptions {
  readonly rawBinary: boolean;
}

/** Adds `-b`, as in nvme-cli. @param what is written */
export function addRawOption(command: Command, what = 'the raw data'): Command {
  return command.option('-b, --raw-binary', `write ${what} to stdout`, false);
}

/** Rejects two options that both choose the format of the output. */
export function checkOutput({ rawBinary, outputFormat }: RawOptions): void {
  if (rawBinary && outputFormat === 'json')
    throw new UsageError('Use --raw-binary or --output-format json, not both');
}
