// A real browser, for those machines that have one: the tests do not install it.

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';

const names = ['chromium', 'chromium-browser', 'google-chrome'];
const browser = names
  .flatMap((name) => (process.env.PATH ?? '').split(path.delimiter).map((place) => path.join(place, name)))
  .find((file) => existsSync(file));

/** Whether there is one. A warning says what nobody looks at without it: a skipped test does not say why. */
export function browserFor(what: string): boolean {
  if (!browser)
    console.warn(`This machine has no browser (${names.join(', ')}), so that nobody looks at ${what}.`);
  return browser !== undefined;
}

/**
 * Opens a page, and gives what its scripts have made of it.
 * @param profile a folder of this run's own
 */
export async function domOf(file: string, profile: string): Promise<string> {
  const quiet = ['--disable-background-networking', '--disable-component-update', '--disable-sync'];
  const words = ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', ...quiet];
  words.push(`--user-data-dir=${profile}`, '--dump-dom', `file://${file}`);
  const { stdout } = await promisify(execFile)(browser ?? '', words, { maxBuffer: 64 << 20 });
  return stdout;
}
