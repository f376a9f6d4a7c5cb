// What holds for files outside lib/, which layers.test.ts checks.

import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

const root = path.resolve(import.meta.dirname, '../..');
const filesIn = (folder: string, ending: RegExp) =>
  fs
    .readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => ending.test(file))
    .map((file) => `${folder}/${file}`);
const read = (file: string) => fs.readFileSync(path.join(root, file), 'utf8');

it('files of more than 300 lines say first why', () => {
  const files = ['native', 'cli', 'scripts', 'test', 'examples'].flatMap((folder) =>
    filesIn(folder, /\.(ts|mjs|cjs|cc|h|c)$/),
  );
  const long = files.filter((file) => read(file).trimEnd().split('\n').length > 300);
  expect(long.length).toBeGreaterThan(5);
  const silent = long.filter((file) => {
    const first = read(file).split(/\n(?:#pragma once)?\n/)[0] ?? '';
    return !/Longer than\s+(\/\/ )?other\s+(\/\/ )?files/.test(first);
  });
  expect(silent).toEqual([]);
});

/** What the files of a folder import from outside of it. */
function importsFrom(folder: string): Set<string> {
  const files = filesIn(folder, /\.ts$/);
  expect(files.length).toBeGreaterThan(5);
  return new Set(
    files.flatMap((file) => [...read(file).matchAll(/from '(\.\.[^']*)'/g)].map(([, name = '']) => name)),
  );
}

describe('scripts/fabric', () => {
  it('knows nothing of the package but where its cache is; it shares the parser of integers and the end of scripts', () => {
    expect(importsFrom('scripts/fabric')).toEqual(
      new Set(['../../cli/engine/options/numbers.js', '../spdk-flags/cache.cjs', '../written.js']),
    );
  });
});

describe('scripts/setup', () => {
  it('knows of the package only how SPDK and the headers of Node.js are found; scripts/checkout.ts gives it the rest', () => {
    expect(importsFrom('scripts/setup')).toEqual(
      new Set(['../node-headers.cjs', '../spdk-flags.cjs', '../spdk-flags/cache.cjs']),
    );
  });
});
