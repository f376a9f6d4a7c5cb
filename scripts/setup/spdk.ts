// The set-up's step that provides SPDK.

import fs from 'node:fs';
import path from 'node:path';
import spdkCache from '../spdk-flags/cache.cjs';
import spdkFlags from '../spdk-flags.cjs';
import { downloads, SPDK_LOG, spdkFolder } from './paths.js';
import { newLog } from './processes.js';
import { buildSpdk, type SpdkParts } from './spdk-build.js';
import { downloadSource, patchSource, unpackSource } from './spdk-source.js';
import { type Reporter, SetupError, type Step } from './step.js';

// Unfinished work is beside the finished build, so that one rename completes it.
const UNFINISHED = '.unfinished-';

export function spdk(parts: SpdkParts): Step {
  return {
    title: 'SPDK',
    upToDate: async () => whatWasTried() === undefined,
    run: (reporter) => provide(parts, reporter),
  };
}

async function provide(parts: SpdkParts, reporter: Reporter): Promise<void> {
  const tried = whatWasTried();
  if (tried === undefined) return;
  if (process.env.SPDK_PREFIX) throw new SetupError(tried);

  newLog(SPDK_LOG);
  clearUnfinished();
  const recipe = spdkCache.readRecipe();
  const work = path.join(spdkFolder, `${UNFINISHED}${process.pid}`);
  try {
    reporter.report(
      'no installed SPDK was found (SPDK_PREFIX, pkg-config): building the one in Debian’s sources',
    );
    const source = await downloadSource(recipe, reporter);
    const tree = path.join(work, 'source');
    await unpackSource(source, tree, recipe.release, reporter);
    await patchSource(tree, recipe.patches, reporter);
    const made = path.join(work, 'made');
    await buildSpdk(tree, made, recipe, source, parts, reporter);
    fs.renameSync(made, path.join(spdkFolder, recipe.key));
    fs.rmSync(source.file, { force: true });
    reporter.report(`SPDK ${recipe.release} is in ${path.join(spdkFolder, recipe.key)}`);
  } catch (error) {
    if (!(error instanceof SetupError) || error.message === 'stopped') throw error;
    throw new SetupError(`${tried}\nBuilding SPDK ${recipe.release} failed: ${error.message}`);
  } finally {
    // Thousands of files: asynchronously, so that a second Ctrl-C works.
    await fs.promises.rm(work, { recursive: true, force: true });
  }
}

/** Whether SPDK is found without the one that set-up builds. */
export function hasOwnSpdk(): boolean {
  if (process.env.SPDK_PREFIX) return true;
  return whatWasTried({ withCache: false }) === undefined;
}

/** Why no SPDK was found; undefined if one was. */
function whatWasTried(options: { withCache?: boolean } = {}): string | undefined {
  try {
    spdkFlags.findSpdk(options);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** The rest of a set-up that was killed. The caller holds the lock, so no other set-up uses it. */
function clearUnfinished(): void {
  for (const folder of [spdkFolder, downloads]) {
    fs.mkdirSync(folder, { recursive: true });
    const names = fs.readdirSync(folder).filter((name) => name.startsWith(UNFINISHED));
    for (const name of names) fs.rmSync(path.join(folder, name), { recursive: true, force: true });
  }
}
