// The arguments of `npm test`.

import { Command, Option } from 'commander';
import { type ArgumentOutput, parse } from '../arguments.js';

/** The parts of `npm test` by their names for `--only`, in the order of the run. */
export const partNames = [
  'source',
  'unit',
  'tcp',
  'native',
  'node-releases',
  'fabric',
  'integration',
  'package',
] as const;
export type PartName = (typeof partNames)[number];

/** Which parts to run, or the exit status after a help text or an error has been written. */
export type TestArguments =
  | { readonly parts: readonly PartName[]; readonly status?: never }
  | { readonly status: number };

export function parseArguments(args: readonly string[], output?: ArgumentOutput): TestArguments {
  const command = new Command('npm test --')
    .description('Runs all tests and checks, or some parts of them. The last lines name what failed.')
    .addOption(new Option('--only <PARTS...>', 'run only these parts').choices(partNames))
    .addHelpText(
      'after',
      '\nOne test file: npx vitest run --configLoader runner --project unit FILE (or tcp; CONTRIBUTING.md has more).' +
        '\nExit status: 0 everything passed, 1 otherwise, 2 bad arguments, 130 Ctrl-C.',
    );
  const parsed = parse<{ only?: PartName[] }>(command, args, output);
  if (parsed.status !== undefined) return parsed;
  const { only } = parsed.options;
  return { parts: partNames.filter((name) => only === undefined || only.includes(name)) };
}
