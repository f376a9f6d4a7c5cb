// The folders of cli/ build on each other in one order, imports of types included, and reach the package by its name only.

import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { importsOf, sourcesIn } from '../support/imports.js';

const cli = path.resolve(import.meta.dirname, '../../cli');

/** A file may import from its own folder and from those before it. */
const folders: readonly string[] = [
  'engine/process',
  'engine/options',
  'engine/files',
  'engine/terminal',
  'engine/target',
  'engine/measure',
  'nvme',
  'checks',
  'workloads',
  'report',
  'commands',
  '.', // program.ts, which has all commands, and main.ts, which runs it
];

/** @param file its path in cli/ */
function positionOf(file: string): number {
  const folder = path.posix.dirname(file);
  if (folder.startsWith('..')) throw new Error(`cli/ imports ${file}: import the package by its name`);
  const position = folders.indexOf(folder);
  if (position < 0) throw new Error(`cli/${folder} has no position: add it to the table`);
  return position;
}

/** What a file imports from a later folder. */
function upward(file: string, text: string): string[] {
  return importsOf(file, text).filter((imported) => positionOf(imported) > positionOf(file));
}

describe('the folders of cli/', () => {
  it.each(sourcesIn(cli))('%s imports nothing from a later folder', (file) => {
    expect(upward(file, fs.readFileSync(path.join(cli, file), 'utf8'))).toEqual([]);
  });

  it.each([
    [
      'the engine, of a command',
      'engine/target/session.ts',
      "import '../../commands/perf.js';",
      'commands/perf.ts',
    ],
    [
      'a workload, of a report',
      'workloads/perf.ts',
      "import type { X } from '../report/perf.js';",
      'report/perf.ts',
    ],
    ['a command, of the program', 'commands/io.ts', "export { x } from '../program.js';", 'program.ts'],
  ])('would be broken by an import in %s', (_, file, text, imported) => {
    expect(upward(file, text)).toEqual([imported]);
  });

  it('would be broken by an import of a file of lib/', () => {
    expect(() => upward('commands/io.ts', "import { x } from '../../lib/batch.js';")).toThrow('by its name');
  });
});
