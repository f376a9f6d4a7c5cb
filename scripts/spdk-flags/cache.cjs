'use strict';
// The cache folder outside the checkout, and the place of set-up's SPDK in it.

const crypto = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

/** @typedef {import('./types.d.cts').Environ} Environ */

/** @param {Environ} env */
function cacheRoot(env) {
  if (env.SPDK_NVME_CACHE) return path.resolve(env.SPDK_NVME_CACHE);
  const base = env.XDG_CACHE_HOME || path.join(env.HOME || os.homedir(), '.cache');
  return path.join(base, 'spdk-nvme');
}

/**
 * What set-up builds when there is no other SPDK; a change of any of it, the patches' text included, makes another
 * cache key. Patches are given as { name, file, sha256 }.
 * @param {string} [folder] where spdk-recipe.json and spdk-patches/ are
 */
function readRecipe(folder = path.join(__dirname, '..')) {
  const recipe = JSON.parse(fs.readFileSync(path.join(folder, 'spdk-recipe.json'), 'utf8'));
  recipe.patches = recipe.patches.map((/** @type {string} */ name) => {
    const file = path.join(folder, 'spdk-patches', `${name}.patch`);
    return { name, file, sha256: crypto.createHash('sha256').update(fs.readFileSync(file)).digest('hex') };
  });
  // Without the paths of the files, so that two checkouts share one build.
  const patches = recipe.patches.map((/** @type {{ sha256: string }} */ { sha256 }) => sha256);
  const inputs = JSON.stringify([{ ...recipe, patches }, process.arch]);
  const hash = crypto.createHash('sha256').update(inputs).digest('hex').slice(0, 8);
  return { ...recipe, key: `v${recipe.release}-${process.arch}-${hash}` };
}

/** @param {Environ} env */
function cachedSpdk(env) {
  return path.join(cacheRoot(env), 'spdk', readRecipe().key);
}

module.exports = { cacheRoot, cachedSpdk, readRecipe };
