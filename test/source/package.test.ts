// What package.json promises.

import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { supportedNode, supportsNode } from '../../scripts/install/engines.mjs';
import recipe from '../../scripts/node-releases.json' with { type: 'json' };

const root = path.resolve(import.meta.dirname, '../..');
const read = (name: string) => fs.readFileSync(path.join(root, name), 'utf8');
const manifest = JSON.parse(read('package.json'));

describe('package.json', () => {
  it('names the lines of Node.js whose oldest release the tests run on', () => {
    const tested = recipe.releases.map(({ version }) => `^${version}`);
    expect(manifest.engines.node).toBe(tested.join(' || '));
  });

  it.each([
    ['20.19.0', true],
    ['20.20.2', true],
    ['20.18.9', false],
    ['21.7.0', false],
    ['22.11.0', false],
    ['22.12.0', true],
    ['23.0.0', false],
    ['24.0.0', true],
    ['24.1.0-nightly', true],
    ['25.0.0', false],
    ['26.0.0', true],
  ])('%s: set-up and the doctor say %s, as engines does', (version, supported) => {
    expect(supportsNode(version)).toBe(supported);
    expect(supportedNode).toBe(manifest.engines.node);
  });

  it('has the lock file say the same of this package', () => {
    const locked = JSON.parse(read('package-lock.json')).packages[''];
    for (const field of [
      'version',
      'engines',
      'cpu',
      'os',
      'dependencies',
      'devDependencies',
      'peerDependencies',
    ]) {
      expect(locked[field], field).toEqual(manifest[field]);
    }
  });

  it('takes the binary package of its own version alone', () => {
    expect(manifest.peerDependencies['@spdk-nvme/linux-x64']).toBe(manifest.version);
    expect(manifest.peerDependenciesMeta['@spdk-nvme/linux-x64']).toEqual({ optional: true });
  });

  it('ships every document that a shipped one links to', () => {
    // npm ships these without being asked.
    const shipped: string[] = [...manifest.files, 'README.md', 'LICENSE'];
    const documents = shipped.flatMap((name) =>
      name.endsWith('.md') ? [name] : filesUnder(name).filter((file) => file.endsWith('.md')),
    );
    const linked = documents.flatMap((document) =>
      [...read(document).matchAll(/\]\((?!https?:)([^)#]+\.md)/g)].map(([, target = '']) =>
        path.join(path.dirname(document), target),
      ),
    );
    expect(linked.length).toBeGreaterThan(20);
    const isShipped = (file: string) => shipped.some((name) => file === name || file.startsWith(`${name}/`));
    expect(linked.filter((file) => !isShipped(file))).toEqual([]);
  });
});

function filesUnder(name: string): string[] {
  if (!fs.statSync(path.join(root, name)).isDirectory()) return [];
  return fs
    .readdirSync(path.join(root, name), { recursive: true, encoding: 'utf8' })
    .map((file) => path.join(name, file));
}
