'use strict';
// Finds the folders of one SPDK: under a prefix (an installation or a build tree), or through pkg-config.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

/** @typedef {import('./types.d.cts').Environ} Environ */
/** @typedef {import('./types.d.cts').SpdkPlaces} SpdkPlaces */

const MODULES = ['spdk_nvme', 'spdk_env_dpdk'];

/** @param {string[]} files */
const existing = (files) => files.filter((file) => fs.existsSync(file));

/**
 * @param {string} prefix
 * @param {Environ} env
 * @returns {SpdkPlaces}
 */
function underPrefix(prefix, env) {
  const inside = (/** @type {string[]} */ ...names) => names.map((name) => path.join(prefix, name));
  if (!fs.existsSync(prefix)) throw new Error(`${prefix} does not exist`);

  // An installation has the first folder of each pair, a build tree the second.
  const libDirs = existing(inside('lib', 'lib64', 'build/lib', 'dpdk/build/lib'));
  const includeDirs = existing(inside('include', 'include/dpdk', 'dpdk/build/include'));
  const extraArchives = existing([
    ...libDirs.flatMap((dir) => [path.join(dir, 'libisal.a'), path.join(dir, 'libisal_crypto.a')]),
    ...inside('isa-l/.libs/libisal.a', 'isa-l-crypto/.libs/libisal_crypto.a'),
  ]);

  const pcDirs = existing(libDirs.map((dir) => path.join(dir, 'pkgconfig', 'spdk_nvme.pc'))).map(
    path.dirname,
  );
  const asked = pcDirs.length > 0 ? askPkgConfig(prependPath(env, pcDirs)) : undefined;
  if (typeof asked !== 'object') return { includeDirs, libDirs, extraArchives };
  // Some releases do not install DPDK: then only these files have its location.
  return {
    includeDirs: [...new Set([...includeDirs, ...asked.includeDirs])],
    libDirs: [...new Set([...libDirs, ...asked.libDirs])],
    extraArchives: [...new Set([...extraArchives, ...asked.extraArchives])],
    systemLibraries: asked.systemLibraries,
  };
}

/** @param {Environ} env @param {string[]} dirs */
function prependPath(env, dirs) {
  const rest = env.PKG_CONFIG_PATH ? [env.PKG_CONFIG_PATH] : [];
  return { ...env, PKG_CONFIG_PATH: [...dirs, ...rest].join(':') };
}

/**
 * @param {Environ} env
 * @returns {SpdkPlaces}
 */
function throughPkgConfig(env) {
  const asked = askPkgConfig(env);
  if (typeof asked === 'string') throw new Error(asked);
  return asked;
}

/**
 * Returns the places, or why pkg-config finds none.
 * @param {Environ} env
 * @returns {SpdkPlaces | string}
 */
function askPkgConfig(env) {
  const program = env.PKG_CONFIG || 'pkg-config';
  // Includes folders that the compiler searches by default, because archives are searched there.
  const environ = { ...env, PKG_CONFIG_ALLOW_SYSTEM_CFLAGS: '1', PKG_CONFIG_ALLOW_SYSTEM_LIBS: '1' };
  const run = (/** @type {string[]} */ ...args) =>
    spawnSync(program, args, { env: environ, encoding: 'utf8' });

  const found = run('--exists', '--print-errors', ...MODULES);
  if (found.error) return `${program} cannot be run (${found.error.message})`;
  if (found.status !== 0) return `${program} does not find ${MODULES.join(' and ')} (see PKG_CONFIG_PATH)`;

  const modules = run('--exists', 'spdk_syslibs').status === 0 ? [...MODULES, 'spdk_syslibs'] : MODULES;
  const cflags = run('--cflags', ...modules);
  const libs = run('--static', '--libs', ...modules);
  if (cflags.status !== 0 || libs.status !== 0) {
    return `${program} ${modules.join(' ')} failed: ${(cflags.stderr + libs.stderr).trim()}`;
  }
  return sortTokens(cflags.stdout, libs.stdout);
}

/**
 * @param {string} cflags
 * @param {string} libs
 * @returns {SpdkPlaces}
 */
function sortTokens(cflags, libs) {
  const tokens = libs.split(/\s+/).filter(Boolean);
  const withPrefix = (/** @type {string[]} */ list, /** @type {string} */ start) => [
    ...new Set(list.filter((token) => token.startsWith(start)).map((token) => token.slice(start.length))),
  ];
  // SPDK's and DPDK's own libraries and their grouping are determined by the existing files.
  const ours = /^-l:?(lib)?(spdk|rte)_|^-L|^-Wl,--(no-)?(whole-archive|as-needed)|lib(spdk|rte)_\w+\.(a|so)$/;
  const rest = tokens.filter((token) => !ours.test(token));
  return {
    includeDirs: withPrefix(cflags.split(/\s+/), '-I'),
    libDirs: withPrefix(tokens, '-L'),
    extraArchives: [...new Set(rest.filter((token) => token.endsWith('.a') && !token.startsWith('-')))],
    systemLibraries: [...new Set(rest.filter((token) => !token.endsWith('.a') || token.startsWith('-')))],
  };
}

module.exports = { MODULES, throughPkgConfig, underPrefix };
