import fs from 'node:fs';
import { expect, it } from 'vitest';

// The linker redirects SPDK's calls of the functions in wrapped.txt. A listed function without a wrapper leaves the
// addon with an undefined symbol; a wrapper that is not listed is never called. Both must hold for every SPDK release,
// and the tests build one: so no wrapper may depend on the preprocessor.

const folder = new URL('../../native/spdk/interpose/', import.meta.url);
const read = (name: string) => fs.readFileSync(new URL(name, folder), 'utf8');
const sources = fs.readdirSync(folder).filter((name) => name.endsWith('.cc'));

const listed = read('wrapped.txt')
  .trim()
  .split('\n')
  .map((line) => line.replace(/^--wrap=/, ''));

/** The functions for which a text defines a wrapper. */
const wrappers = (text: string) =>
  [...text.matchAll(/\b__wrap_(\w+)\([^;{}]*\)\s*\{/g)].map(([, name]) => name as string);

it('every wrapped function has one wrapper, and every wrapper is for a wrapped function', () => {
  expect(listed).toContain('connect');
  expect(sources.flatMap((name) => wrappers(read(name))).toSorted()).toEqual(listed);
});

it('no wrapper is left out for some releases of SPDK', () => {
  const files = sources.filter((name) => wrappers(read(name)).length > 0);
  expect(files.length).toBeGreaterThan(1);
  expect(files.filter((name) => /^#\s*if/m.test(read(name)))).toEqual([]);
});
