// The documentation site as its readers see it, in a browser.

import type { Page } from 'playwright-core';
import { lookAtSite } from './browser.js';

/** What a table reaches beyond its column by, in pixels of the page; a text, since the compiler knows no document. */
const OVERHANGS = `(() => {
  const column = document.querySelector('.col-content').getBoundingClientRect();
  return [...document.querySelectorAll('.col-content table')].map(
    (table) => table.getBoundingClientRect().right - column.right,
  );
})()`;

/**
 * Opens the pages, and searches on the first of them.
 * @param folder of the site
 * @throws Error if a page reports an error, a table lies over what is beside it, or the search does not find `attachSubsystem`
 */
export async function checkPages(folder: string, pages: readonly string[]): Promise<void> {
  const faults = await lookAtSite(folder, pages, async (page, name) => {
    const overhangs = await page.evaluate<number[]>(OVERHANGS);
    const wide = overhangs.filter((pixels) => pixels > 1).length;
    const faults = wide > 0 ? [`${name}: ${wide} of its tables are wider than their column`] : [];
    if (name === pages[0] && !(await finds(page, 'attachSubsystem')))
      faults.push(`${name}: its search does not find attachSubsystem`);
    return faults;
  });
  if (faults.flat().length > 0) throw new Error(faults.flat().join('\n'));
}

async function finds(page: Page, word: string): Promise<boolean> {
  await page.locator('#tsd-search-trigger').click();
  await page.locator('#tsd-search-input').fill(word);
  const first = page.locator('#tsd-search-results a').first();
  await first.waitFor();
  return (await first.textContent())?.includes(word) ?? false;
}
