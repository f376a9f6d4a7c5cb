// The help of every verb on terminals of any width.

import { expect, it } from 'vitest';
import { makeProgram } from '../../cli/program.js';

/** What each help prints on a terminal. */
function helps(columns: number): string[] {
  const output = { writeOut: () => {}, writeErr: () => {}, getOutHelpWidth: () => columns };
  const program = makeProgram(output);
  return [program, ...program.commands].map((command) => command.helpInformation());
}

it.each([40, 60, 80, 120])('has lines of at most %i columns, but for words that are longer', (columns) => {
  for (const help of helps(columns)) {
    for (const line of help.split('\n')) {
      const [, text = ''] = /^(?: {6}|.* {2})(\S.*)$/.exec(line) ?? [];
      if (/^ {0,2}\S/.test(line) && text === '') continue;
      const isOneWord = !text.includes(' ');
      expect(line.length <= columns || isOneWord, line).toBe(true);
    }
  }
});

it('has the text beside the options where there is room', () => {
  expect(helps(120).join()).toMatch(/--seconds <S> {2,}the time to measure/);
  expect(helps(40).join()).toMatch(/--seconds <S>\n {6}the time to measure/);
});
