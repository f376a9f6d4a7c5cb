'use strict';
// The link flags. SPDK's transports and DPDK's buses and memory pools register themselves in constructors that no code
// refers to, so these archives are linked whole. All others are linked on demand, so that the names of helper libraries,
// which change between releases, are not needed here.

const fs = require('node:fs');
const path = require('node:path');

/** @typedef {import('./types.d.cts').Linkage} Linkage */
/** @typedef {import('./types.d.cts').SpdkPlaces} SpdkPlaces */

const KEPT_SPDK = ['nvme', 'env_dpdk', 'sock', 'sock_posix'];
const KEPT_DPDK = [
  'eal',
  'log',
  'kvargs',
  'telemetry',
  'ring',
  'mempool',
  'mempool_ring',
  'mbuf',
  'pci',
  'bus_pci',
];
// Also used directly by this package, which matters only for a shared link.
const USED_SPDK = ['log', 'util'];

// The mocks of SPDK's own tests define the same functions once more.
const NEVER = /^libspdk_ut(_mock)?\./;

const REQUIRED_SYSTEM = ['ibverbs', 'rdmacm'];
const OPTIONAL_SYSTEM = [
  'numa',
  'uuid',
  'ssl',
  'crypto',
  'aio',
  'uring',
  'bsd',
  'archive',
  'keyutils',
  'isal',
];
const COMPILER_SYSTEM = ['dl', 'rt', 'm', 'pthread'];

const SYSTEM_LIB_DIRS = ['/usr/lib/x86_64-linux-gnu', '/usr/lib64', '/usr/lib', '/usr/local/lib'];

/**
 * SPDK's and DPDK's libraries of a kind, each from the first folder that has any of it: later folders may have another
 * release, or another build with other headers.
 * @param {string[]} dirs
 * @param {'.a' | '.so'} suffix
 */
function filesIn(dirs, suffix) {
  /** @type {Map<string, string>} */
  const files = new Map();
  for (const start of ['librte_', 'libspdk_']) {
    const first = start === 'librte_' ? 'librte_eal' : 'libspdk_nvme';
    const home = dirs.find((dir) => ['.a', '.so'].some((end) => fs.existsSync(path.join(dir, first + end))));
    if (home === undefined) continue;
    for (const name of fs.readdirSync(home).sort()) {
      const wanted = name.startsWith(start) && name.endsWith(suffix) && !NEVER.test(name);
      if (wanted) files.set(name, path.join(home, name));
    }
  }
  return files;
}

/**
 * Archives are preferred if both exist: the linker can only redirect calls of functions inside archives, which is
 * how this package defends itself against some faults of SPDK (native/spdk/interpose/wrapped.txt).
 * @param {SpdkPlaces} places
 * @returns {{ linkage: Linkage, dpdkLinkage: Linkage, ldflags: string[], libraries: string[] }}
 */
function link(places) {
  const shared = filesIn(places.libDirs, '.so');
  const archives = filesIn(places.libDirs, '.a');
  const whole =
    ['libspdk_nvme.a', 'libspdk_env_dpdk.a'].every((name) => archives.has(name)) &&
    (archives.has('librte_eal.a') || shared.has('librte_eal.so'));
  if (shared.has('libspdk_nvme.so') && !whole) return linkShared(places, shared);
  return linkStatic(places, archives, shared);
}

/**
 * @param {SpdkPlaces} places
 * @param {Map<string, string>} archives
 * @param {Map<string, string>} shared
 */
function linkStatic(places, archives, shared) {
  for (const name of ['libspdk_nvme.a', 'libspdk_env_dpdk.a'])
    if (!archives.has(name)) throw missing(name, places);
  // DPDK builds archives and shared libraries side by side; the archives need not be found at run time.
  const withDpdk = archives.has('librte_eal.a');
  if (!withDpdk && !shared.has('librte_eal.so')) throw missing('librte_eal.a or librte_eal.so', places);
  const spdk = KEPT_SPDK.map((name) => `libspdk_${name}.a`);
  const dpdk = withDpdk ? KEPT_DPDK.map((name) => `librte_${name}.a`) : [];
  const whole = present([...spdk, ...dpdk], archives);
  const onDemand = [...archives.values()].filter(
    (file) => !whole.includes(file) && (withDpdk || !path.basename(file).startsWith('librte_')),
  );
  const besides = withDpdk
    ? []
    : present(
        KEPT_DPDK.map((name) => `librte_${name}.so`),
        shared,
      );
  return {
    linkage: /** @type {const} */ ('static'),
    dpdkLinkage: /** @type {Linkage} */ (withDpdk ? 'static' : 'shared'),
    // SPDK stays private to this addon: other addons in the process do not see its symbols.
    ldflags: ['-Wl,--exclude-libs,ALL', ...runPath(besides)],
    libraries: [
      ...['-Wl,--whole-archive', ...whole, '-Wl,--no-whole-archive'],
      ...['-Wl,--start-group', ...onDemand, ...places.extraArchives, '-Wl,--end-group'],
      ...(besides.length > 0 ? ['-Wl,--no-as-needed', ...besides] : []),
      ...systemLibraries(places),
    ],
  };
}

/** @param {SpdkPlaces} places @param {Map<string, string>} files */
function linkShared(places, files) {
  const wanted = [
    ...[...KEPT_SPDK, ...USED_SPDK].map((name) => `libspdk_${name}.so`),
    ...KEPT_DPDK.map((name) => `librte_${name}.so`),
  ];
  const found = present(wanted, files);
  return {
    linkage: /** @type {const} */ ('shared'),
    dpdkLinkage: /** @type {const} */ ('shared'),
    ldflags: runPath(found),
    libraries: ['-Wl,--no-as-needed', ...found, ...systemLibraries(places)],
  };
}

/** @param {string[]} names @param {Map<string, string>} files */
function present(names, files) {
  return names.flatMap((name) => files.get(name) ?? []);
}

/** @param {string} name @param {SpdkPlaces} places */
function missing(name, places) {
  return new Error(`no ${name} in ${places.libDirs.join(', ') || 'any library folder'}`);
}

/** @param {string[]} sharedLibraries */
function runPath(sharedLibraries) {
  if (sharedLibraries.length === 0) return [];
  const dirs = [...new Set(sharedLibraries.map((file) => path.dirname(file)))];
  // Only the old kind of run path also applies to the libraries that these libraries need.
  return ['-Wl,--disable-new-dtags', ...dirs.map((dir) => `-Wl,-rpath,${dir}`)];
}

/** @param {SpdkPlaces} places */
function systemLibraries(places) {
  const dirs = [...SYSTEM_LIB_DIRS, ...places.libDirs];
  const there = (/** @type {string} */ name) =>
    dirs.some(
      (dir) =>
        fs.existsSync(path.join(dir, `lib${name}.so`)) || fs.existsSync(path.join(dir, `lib${name}.a`)),
    );
  const guessed = [...REQUIRED_SYSTEM, ...OPTIONAL_SYSTEM.filter(there), ...COMPILER_SYSTEM].map(
    (name) => `-l${name}`,
  );
  const known = places.systemLibraries ?? guessed;
  const required = REQUIRED_SYSTEM.map((name) => `-l${name}`);
  return ['-Wl,--as-needed', ...new Set([...known, ...required])];
}

module.exports = { link };
