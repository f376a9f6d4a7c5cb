// The check of the documentation site.

import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { root } from '../setup/paths.js';
import { type Check, command } from './checks.js';
import { checkPages } from './site-pages.js';

const require = createRequire(import.meta.url);

/** The site of the API and the guides in build/docs, made without a warning, and checked in a browser. */
export const siteCheck: Check = {
  name: 'TypeDoc: the site of the API and the guides, without warnings',
  run: async (signal) => {
    const out = path.join(root, 'build/docs');
    fs.rmSync(out, { recursive: true, force: true });
    const typedoc = path.join(path.dirname(require.resolve('typedoc/package.json')), 'bin/typedoc');
    await command(process.execPath, [typedoc, '--out', out], signal);
    const pages = ['index.html', 'classes/spdk-nvme.Environment.html', ...guidePages()];
    const missing = pages.filter((page) => !fs.existsSync(path.join(out, page)));
    if (missing.length > 0) throw new Error(`The site lacks ${missing.join(', ')}`);
    const dead = deadLinks(out);
    if (dead.length > 0) throw new Error(`Links lead nowhere:\n${dead.join('\n')}`);
    await checkPages(out, pages);
  },
};

/**
 * The links of a site that lead to no page, or to no place in it. One to a site of others must begin with https: names of
 * files such as connect.cc have been made links to sites.
 */
function deadLinks(site: string): string[] {
  const names = fs.readdirSync(site, { recursive: true, encoding: 'utf8' });
  const pages = new Map(
    names
      .filter((name) => name.endsWith('.html'))
      .map((name) => [name, fs.readFileSync(path.join(site, name), 'utf8')]),
  );
  const places = new Map([...pages].map(([name, html]) => [name, new Set(values(html, 'id'))]));
  const leads = (page: string, link: string): boolean => {
    if (/^[a-z]+:/.test(link)) return /^(https|mailto|data):/.test(link);
    const [file = '', place] = link.split('#').map(decodeURIComponent);
    const name = file === '' ? page : path.join(path.dirname(page), file);
    if (!fs.existsSync(path.join(site, name))) return false;
    return !place || (places.get(name)?.has(place) ?? true);
  };
  return [...pages].flatMap(([page, html]) =>
    [...new Set([...values(html, 'href'), ...values(html, 'src')])]
      .filter((link) => !leads(page, link))
      .map((link) => `${page}: ${link}`),
  );
}

function values(html: string, attribute: string): string[] {
  return [...html.matchAll(new RegExp(`\\s${attribute}="([^"]*)"`, 'g'))].map(([, value = '']) =>
    value.replaceAll('&amp;', '&'),
  );
}

/** The pages of the guides: one for each document under docs/. */
function guidePages(): string[] {
  return fs
    .readdirSync(path.join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `documents/docs_${name.replaceAll('/', '_').replace(/md$/, 'html')}`);
}
