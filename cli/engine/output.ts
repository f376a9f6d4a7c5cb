import { type Command, Option } from 'commander';

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

/** Prints the result of a verb: as JSON with the schema number, or as text. */
export function print(format: OutputFormat, value: object, asText: () => string): void {
  const text = format === 'json' ? toJson({ schema: SCHEMA, ...value }) : asText();
  process.stdout.write(`${text}\n`);
}

/** Prints one of several values that come one after the other: a line of JSON for each. */
export function printLine(value: object): void {
  process.stdout.write(`${toJson({ schema: SCHEMA, ...value }, 0)}\n`);
}

/** Numbers that JavaScript keeps as bigint are printed as numbers, as nvme-cli does. */
export function toJson(value: object, indent = 2): string {
  const raw = JSON as typeof JSON & { rawJSON?: (text: string) => unknown };
  const convert = (_key: string, field: unknown) => {
    if (typeof field !== 'bigint') return field;
    if (field <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(field);
    return raw.rawJSON ? raw.rawJSON(String(field)) : String(field);
  };
  return JSON.stringify(value, convert, indent);
}
