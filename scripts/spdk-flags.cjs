'use strict';
// Finds SPDK and says how to compile and link against it. Used by binding.gyp, native/CMakeLists.txt and set-up,
// and therefore plain CommonJS without dependencies.
//
//   node scripts/spdk-flags.cjs cflags|ldflags|libraries|version|source
//   node scripts/spdk-flags.cjs --json

const path = require('node:path');
const { cachedSpdk } = require('./spdk-flags/cache.cjs');
const { link } = require('./spdk-flags/link.cjs');
const { MODULES, throughPkgConfig, underPrefix } = require('./spdk-flags/places.cjs');
const { readVersion } = require('./spdk-flags/version.cjs');

/** @typedef {import('./spdk-flags/types.d.cts').Environ} Environ */
/** @typedef {import('./spdk-flags/types.d.cts').SpdkFlags} SpdkFlags */
/** @typedef {import('./spdk-flags/types.d.cts').SpdkPlaces} SpdkPlaces */

class SpdkNotFound extends Error {
  /** @param {string[]} tried */
  constructor(tried) {
    const list = tried.map((line) => `  - ${line}`).join('\n');
    super(
      `SPDK was not found. Tried:\n${list}\n` +
        'Set SPDK_PREFIX to the prefix under which SPDK is installed, or PKG_CONFIG_PATH to the folder of its .pc files.',
    );
    this.name = 'SpdkNotFound';
    this.tried = tried;
  }
}

/**
 * @param {SpdkFlags['source']} source
 * @param {string} where
 * @param {SpdkPlaces} places
 * @returns {SpdkFlags}
 */
function describe(source, where, places) {
  const version = readVersion(places.includeDirs);
  // -isystem keeps SPDK's and DPDK's headers out of our own warnings.
  const cflags = places.includeDirs.map((dir) => `-isystem${dir}`);
  cflags.push('-msse4.2'); // the least that DPDK's headers compile with
  const linked = link(places);
  // See native/spdk/release.h.
  if (linked.linkage === 'shared') cflags.push('-DSPDK_NVME_SHARED_SPDK');
  if (linked.dpdkLinkage === 'shared') cflags.push('-DSPDK_NVME_SHARED_DPDK');
  return { source, where, version, includeDirs: places.includeDirs, cflags, ...linked };
}

/**
 * The order is: the user's prefix, the user's pkg-config, then the build that set-up keeps in the cache. A prefix
 * that is set but contains no SPDK is an error: another SPDK must not be used silently.
 * @param {{ env?: Environ, withCache?: boolean }} [options]
 * @returns {SpdkFlags}
 */
function findSpdk({ env = process.env, withCache = true } = {}) {
  const prefix = env.SPDK_PREFIX ? path.resolve(env.SPDK_PREFIX) : undefined;
  /** @type {Array<[SpdkFlags['source'], string, () => SpdkPlaces]>} */
  const ways = [];
  if (prefix) {
    ways.push(['SPDK_PREFIX', prefix, () => underPrefix(prefix, env)]);
  } else {
    ways.push(['pkg-config', MODULES.join(' '), () => throughPkgConfig(env)]);
    const cached = cachedSpdk(env);
    if (withCache) ways.push(['cache', cached, () => underPrefix(cached, {})]);
  }

  const tried = prefix ? [] : ['SPDK_PREFIX: not set'];
  for (const [source, where, find] of ways) {
    try {
      return describe(source, where, find());
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      tried.push(`${source} (${where}): ${reason}`);
    }
  }
  throw new SpdkNotFound(tried);
}

/** @param {string} word */
const quote = (word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

/** @param {string | undefined} field */
function main(field) {
  const fields = ['cflags', 'ldflags', 'libraries', 'version', 'source'];
  if (field !== '--json' && !fields.includes(field ?? '')) {
    process.stderr.write(`usage: node scripts/spdk-flags.cjs --json | ${fields.join(' | ')}\n`);
    return 2;
  }
  try {
    const flags = findSpdk();
    const value = field === '--json' ? undefined : flags[/** @type {'cflags'} */ (field)];
    // gyp and shells split this line again, so each word is quoted for them.
    const text = value === undefined ? JSON.stringify(flags, null, 2) : [value].flat().map(quote).join(' ');
    process.stdout.write(`${text}\n`);
    return 0;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
    return 1;
  }
}

module.exports = { SpdkNotFound, findSpdk };

if (require.main === module) process.exitCode = main(process.argv[2]);
