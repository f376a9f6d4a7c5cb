// Any words on the command line are taken or refused with a line that says why; nothing else happens to them.

import { readFileSync } from 'node:fs';
import { type Command, CommanderError } from 'commander';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { statusOfError } from '../../cli/engine/exit.js';
import { makeProgram, run } from '../../cli/program.js';

const silent = { writeOut: () => {}, writeErr: () => {} };

/** The command line whose verbs do nothing. */
function idle(output: Parameters<typeof makeProgram>[0]): { program: Command; ran: string[] } {
  const program = makeProgram(output);
  const ran: string[] = [];
  for (const verb of program.commands) verb.action(() => void ran.push(verb.name()));
  return { program, ran };
}

const { program: sample } = idle(silent);
const verbs = sample.commands.map((verb) => verb.name());
const flags = sample.commands.flatMap((verb) =>
  verb.options.flatMap(({ short, long }) => [short, long].filter((flag) => typeof flag === 'string')),
);

const word = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...new Set(flags)) },
  { weight: 1, arbitrary: fc.constantFrom(...verbs) },
  { weight: 2, arbitrary: fc.integer().map(String) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      'tcp',
      'rdma',
      'json',
      '127.0.0.1',
      '4k',
      '0x10',
      '--',
      '-',
      '',
      'package.json/x',
      'a\0b',
    ),
  },
  { weight: 2, arbitrary: fc.string({ unit: 'binary' }) },
  { weight: 2, arbitrary: fc.constantFrom('--report=package.json/x', '--json=a\0b', '--report=/') },
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom(...flags), fc.string()).map((pair) => pair.join('=')) },
);

it('runs one verb, or ends with 0 or 2 and a reason', { timeout: 60_000 }, () => {
  let refused = 0;
  let accepted = 0;
  fc.assert(
    fc.property(fc.constantFrom(...verbs), fc.array(word, { maxLength: 8 }), (verb, words) => {
      const written: string[] = [];
      const { program, ran } = idle({
        writeOut: (text) => void written.push(text),
        writeErr: (text) => void written.push(text),
      });
      try {
        program.parse([verb, ...words], { from: 'user' });
        expect(ran).toEqual([verb]);
        accepted++;
      } catch (error) {
        expect(error, String(error)).toBeInstanceOf(CommanderError);
        expect([0, 2]).toContain(statusOfError(error));
        expect(ran).toEqual([]);
        expect(written.join('')).toMatch(statusOfError(error) === 0 ? /^Usage: / : /^error: .+/);
        refused++;
      }
    }),
    { numRuns: 2_000 },
  );
  expect(refused).toBeGreaterThan(100);
  expect(accepted).toBeGreaterThan(20);
});

it('prints the version of the package', async () => {
  const written: string[] = [];
  const output = { ...silent, writeOut: (text: string) => void written.push(text) };
  expect(await run(['--version'], output)).toBe(0);
  expect(written).toEqual([`${JSON.parse(readFileSync('package.json', 'utf8')).version}\n`]);
});
