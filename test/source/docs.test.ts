import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { errorCatalogue } from '../../lib/errors/spdk-error.js';
import { documents } from '../support/fences.js';

const root = path.resolve(import.meta.dirname, '../..');

describe('docs/reference/errors.md', () => {
  const file = fs.readFileSync(path.join(root, 'docs/reference/errors.md'), 'utf8');
  const page = file.replaceAll(/ +\|/g, ' |'); // Prettier pads the cells of a column

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

describe('names in the documents', () => {
  const files = ['native', 'lib', 'cli', 'scripts', 'test', 'docs', 'examples'].flatMap((folder) =>
    fs
      .readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
      .map((file) => `${folder}/${file}`),
  );
  const read = (file: string) => fs.readFileSync(path.join(root, file), 'utf8');
  const sources = files.filter((file) => /^native\/.*\.(cc|h)$|^lib\/.*\.ts$/.test(file)).map(read);
  const withoutComments = (source: string) => source.replace(/\/\*.*?\*\/|\/\/[^\n]*/gs, '');
  const native = files
    .filter((file) => /^native\/.*\.(cc|h)$/.test(file))
    .map(read)
    .join('\n');
  // What was measured or changed then may have other names now.
  const present = documents.filter((document) => !/^docs\/measurements|^CHANGELOG/.test(document));

  it.each(present)('of %s are those of the code', (document) => {
    const text = fs.readFileSync(path.join(root, document), 'utf8').replace(/^```.*?^```/gms, '');
    for (const [, name = ''] of text.matchAll(/`([^`\n]+)`/g)) {
      if (/^\w+::\w+(\(\))?$/.test(name)) {
        for (const part of name.match(/\w+/g) ?? [])
          expect(native, name).toMatch(new RegExp(`\\b${part}\\b`));
      }
      if (/^[\w/.-]+\.(ts|mjs|cc|h)$/.test(name)) {
        expect(
          files.some((file) => file === name || file.endsWith(`/${name}`)),
          name,
        ).toBe(true);
      }
    }
  });

  it('of the flows in architecture.md are members of their classes', () => {
    const flows = read('docs/internals/architecture.md').match(/^\w+ +\w+.* → .*$/gm) ?? [];
    expect(flows.length).toBeGreaterThan(3);
    for (const [name, owner = '', member = ''] of flows.join('\n').matchAll(/\b([A-Z]\w+)\.([a-z]\w*)/g)) {
      const classes = sources
        .map(withoutComments)
        .filter((source) => new RegExp(`^(?:export )?class ${owner}\\b`, 'm').test(source));
      expect(
        classes.some((source) => new RegExp(`\\b${member}\\b`).test(source)),
        name,
      ).toBe(true);
    }
  });
});
