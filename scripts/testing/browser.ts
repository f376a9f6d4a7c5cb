// Pages in a real browser, which Playwright drives, so that they are checked as a reader sees them.

import { existsSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { type BrowserContext, chromium, type Page } from 'playwright-core';
import { findBrowser } from './find-browser.js';

/**
 * Longest time for the browser's start, for a page to load, and for an element to be found. It only ends what would never end: beside the
 * other tests a browser gets the processor time that they leave, and a page took more than 30 s. Tests have limits of their own.
 */
const LIMIT_MS = 20 * 60_000;

/** The browser would look up hosts of its maker otherwise. */
const quiet = ['--disable-background-networking', '--disable-component-update', '--disable-sync'];

/**
 * Opens a file that loads nothing else, such as a report.
 * @param look gets the loaded page; its result is returned
 * @throws Error if there is no browser, or the page reported an error: see {@link lookAtSite}
 */
export async function lookAtPage<T>(file: string, look: (page: Page) => Promise<T>): Promise<T> {
  return inBrowser((context) => lookAt(context, pathToFileURL(file).href, look));
}

/**
 * Opens pages of a site one after another, as a server would give them to the browser: nothing listens.
 * @param folder what the server has at its root
 * @param look gets each loaded page; its results are returned
 * @throws Error if there is no browser, or a page reported an error: an exception of its scripts, a file that is missing, a
 *   violation of a policy
 */
export async function lookAtSite<T>(
  folder: string,
  pages: readonly string[],
  look: (page: Page, name: string) => Promise<T>,
): Promise<T[]> {
  return inBrowser(async (context) => {
    await context.route('**', (route) => {
      const file = path.join(folder, decodeURIComponent(new URL(route.request().url()).pathname));
      return existsSync(file) ? route.fulfill({ path: file }) : route.fulfill({ status: 404 });
    });
    const seen: T[] = [];
    for (const name of pages)
      seen.push(await lookAt(context, `http://site.test/${name}`, (page) => look(page, name)));
    return seen;
  });
}

async function inBrowser<T>(work: (context: BrowserContext) => Promise<T>): Promise<T> {
  const executablePath = findBrowser();
  if (!executablePath)
    throw new Error('There is no browser: install Debian’s chromium, or run `npm run setup` as root.');
  const browser = await chromium.launch({ executablePath, args: quiet, timeout: LIMIT_MS });
  try {
    return await work(await browser.newContext());
  } finally {
    await browser.close();
  }
}

async function lookAt<T>(
  context: BrowserContext,
  address: string,
  look: (page: Page) => Promise<T>,
): Promise<T> {
  const page = await context.newPage();
  page.setDefaultTimeout(LIMIT_MS);
  const errors: string[] = [];
  page.on('pageerror', ({ message }) => errors.push(message));
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(`${message.text()} (${message.location().url})`);
  });
  await page.goto(address);
  const seen = await look(page);
  await page.close();
  if (errors.length > 0) throw new Error(`${address} reports:\n${errors.join('\n')}`);
  return seen;
}

/** How many pixels of each canvas of a page something was painted on. */
export async function paintedPixels(page: Page): Promise<number[]> {
  // A text, since the compiler knows no document.
  return page.evaluate(`[...document.querySelectorAll('canvas')].map((canvas) => {
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    return data.filter((value, index) => index % 4 === 3 && value > 0).length;
  })`);
}
