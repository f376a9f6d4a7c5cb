// The folders of lib/ build on each other in one order, imports of types included. That no files import each other in a
// circle is Biome's to find (noImportCycles).

import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { importsOf, sourcesIn } from '../support/imports.js';

const lib = path.resolve(import.meta.dirname, '../../lib');

/** A file may import from its own layer and from those before it. docs/internals/architecture.md describes them. */
const layers: readonly string[] = [
  'types.ts',
  'errors/',
  'internal/',
  'options/',
  'native/',
  'keys/',
  'nvme/',
  'io/',
  'diagnostics/',
  'discovery/',
  'streams/',
  'multipath/',
  'the public classes',
  'index.ts',
  'file/',
  'testing/',
];

/** @param file its path in lib/ */
function layerOf(file: string): number {
  const [first = '', rest] = file.split('/');
  const name = rest === undefined ? first : `${first}/`;
  const known = layers.indexOf(name);
  if (known < 0 && rest !== undefined) throw new Error(`lib/${name} is in no layer: add it to the table`);
  return known < 0 ? layers.indexOf('the public classes') : known;
}

/** What a file imports from a later layer. */
function upward(file: string, text: string): string[] {
  return importsOf(file, text).filter((imported) => layerOf(imported) > layerOf(file));
}

const files = sourcesIn(lib);

describe('the layers of lib/', () => {
  it.each(files)('%s imports nothing from a later layer', (file) => {
    expect(upward(file, fs.readFileSync(path.join(lib, file), 'utf8'))).toEqual([]);
  });

  it.each(files)('%s says first what it is, and why if it has more than 300 lines', (file) => {
    const text = fs.readFileSync(path.join(lib, file), 'utf8');
    const lines = text.trimEnd().split('\n');
    const first = lines.slice(0, lines.indexOf('')).join(' ');
    expect(first).toMatch(/^\/\/ /);
    if (lines.length > 300) expect(first).toContain('Longer than other files');
  });

  it('import what exists', () => {
    for (const file of files) {
      const imported = importsOf(file, fs.readFileSync(path.join(lib, file), 'utf8'));
      expect(files, file).toEqual(expect.arrayContaining(imported));
    }
  });

  it.each([
    ['a type', 'io/ring.ts', "import type { Batch } from '../batch.js';", 'batch.ts'],
    [
      'what is exported again',
      'types.ts',
      "export { x } from './errors/catalogue.js';",
      'errors/catalogue.ts',
    ],
    ['a side effect', 'options/nqn.ts', "import '../io/ring.js';", 'io/ring.ts'],
    ['a type in place', 'admin.ts', "let x: import('./index.js').Controller;", 'index.ts'],
    [
      'declarations',
      'errors/catalogue.ts',
      "declare module '../types.js' {}\nimport {\n  x,\n} from '../log.js';",
      'log.ts',
    ],
  ])('would be broken by %s', (_, file, text, imported) => {
    expect(upward(file, text)).toEqual([imported]);
  });
});
