import fs from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';

// A stand-in that is defined twice stops the addon from being linked, and the tests build only one release of SPDK: so
// none may be, whatever the conditions around the two.

const folder = new URL('../../native/spdk/', import.meta.url);

/** The functions that the sources define under their C names. */
function definitions(): string[] {
  const sources = fs.readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return sources
    .filter((file) => file.endsWith('.cc'))
    .flatMap((file) => {
      const text = fs.readFileSync(new URL(file.split(path.sep).join('/'), folder), 'utf8');
      return [...text.matchAll(/extern "C"[^;{}]*?\b(\w+)\([^;{}]*\)\s*\{/g)].map(
        ([, name]) => name as string,
      );
    });
}

it('a function of the libraries has one stand-in, for all releases together', () => {
  const names = definitions();
  expect(names).toContain('rdma_destroy_qp');
  expect(names).toContain('connect');
  expect(names.toSorted()).toEqual([...new Set(names)].toSorted());
});
