import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { root } from '../setup/paths.js';
import { type Check, command } from './checks.js';

const require = createRequire(import.meta.url);

/** The site that `npm run docs` makes, into a folder of its own: the API and the guides, without a warning. */
export const siteCheck: Check = {
  name: 'TypeDoc: the site of the API and the guides, without warnings',
  run: async (signal) => {
    const out = path.join(root, 'build/docs');
    fs.rmSync(out, { recursive: true, force: true });
    const typedoc = path.join(path.dirname(require.resolve('typedoc/package.json')), 'bin/typedoc');
    await command(process.execPath, [typedoc, '--out', out], signal);
    const missing = ['index.html', 'classes/spdk-nvme.Environment.html', ...guidePages()].filter(
      (page) => !fs.existsSync(path.join(out, page)),
    );
    if (missing.length > 0) throw new Error(`The site lacks ${missing.join(', ')}`);
  },
};

/** Each document under docs/ has a page. */
function guidePages(): string[] {
  return fs
    .readdirSync(path.join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `documents/docs_${name.replaceAll('/', '_').replace(/md$/, 'html')}`);
}
