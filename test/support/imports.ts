// The imports between the files of one folder, for the tests of its layers.

import fs from 'node:fs';
import path from 'node:path';

/** The TypeScript files below a folder, by their paths in it. */
export function sourcesIn(folder: string): string[] {
  return fs
    .readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => file.split(path.sep).join('/'));
}

/** Paths in the folder that a file imports, exports from, or adds declarations to. */
export function importsOf(file: string, text: string): string[] {
  const specifiers = text.matchAll(/(?:\bfrom|\bimport|\bimport\(|\bdeclare module)\s*'(\.[^']+)'/g);
  return Array.from(specifiers, ([, specifier = '']) =>
    path.posix.join(path.posix.dirname(file), specifier.replace(/\.js$/, '.ts')),
  );
}
