import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { errorCatalogue } from '../../lib/errors/spdk-error.js';
import { documents } from '../support/fences.js';

const root = path.resolve(import.meta.dirname, '../..');

describe('docs/reference/errors.md', () => {
  const page = fs.readFileSync(path.join(root, 'docs/reference/errors.md'), 'utf8');

  it('says of every code what the catalogue says, and of no other', () => {
    for (const [code, { meaning, remedy }] of Object.entries(errorCatalogue)) {
      expect(page).toContain(`| \`${code}\` | ${meaning} | ${remedy} |`);
    }
    const listed = page.match(/^\| `ERR_SPDK_\w+`/gm) ?? [];
    expect(listed).toHaveLength(Object.keys(errorCatalogue).length);
  });
});

describe('links between the documents', () => {
  it.each(documents)('of %s lead somewhere', (document) => {
    const text = fs.readFileSync(path.join(root, document), 'utf8');
    for (const [, target = ''] of text.matchAll(/\]\((?!https?:)([^)#]+)/g)) {
      expect(fs.existsSync(path.join(root, path.dirname(document), target)), target).toBe(true);
    }
  });
});
