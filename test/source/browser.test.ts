// The check of pages in a browser reports what is wrong with them: otherwise the tests of pages could not fail.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { lookAtPage, lookAtSite } from '../../scripts/testing/browser.js';

const folder = mkdtempSync(path.join(os.tmpdir(), 'spdk-nvme-browser-'));
afterAll(() => rmSync(folder, { recursive: true }));

it.each([
  ['an exception', '<script>setTimeout(() => { throw new Error("broken") })</script>', /reports:\nbroken/],
  ['a missing file', '<img src="absent.png">', /absent\.png/],
  [
    'a forbidden script',
    '<meta http-equiv="Content-Security-Policy" content="script-src \'none\'"><script>1</script>',
    /Content Security Policy/,
  ],
])('%s on a page is an error', { timeout: 60_000 }, async (_, html, message) => {
  writeFileSync(path.join(folder, 'page.html'), `<!doctype html><title>Page</title>${html}`);
  const title = async (page: { title(): Promise<string> }) => page.title();
  await expect(lookAtPage(path.join(folder, 'page.html'), title)).rejects.toThrow(message);
  await expect(lookAtSite(folder, ['page.html'], title)).rejects.toThrow(message);
});
