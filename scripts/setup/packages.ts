// The set-up's step that installs Debian packages.

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import spdkFlags from '../spdk-flags.cjs';
import { findBrowser } from './browser.js';
import { newLog, run } from './processes.js';
import { type Reporter, SetupError, type Step } from './step.js';

const compile = [
  'g++',
  'make',
  'pkg-config',
  'python3',
  'libibverbs-dev',
  'librdmacm-dev',
  'libnuma-dev',
  'uuid-dev',
];
const nativeTests = [
  'ccache',
  'clang-format',
  'clang-tidy',
  'cmake',
  'ninja-build',
  'libgtest-dev',
  'valgrind',
];
const buildSpdk = [
  'ca-certificates',
  'debian-archive-keyring',
  'libaio-dev',
  'libssl-dev',
  'meson',
  'nasm',
  'patch',
  'procps',
  'python3-pyelftools',
  'xz-utils',
];
const fabric = [
  'qemu-system-x86',
  'busybox-static',
  'cpio',
  'iproute2',
  'kmod',
  'nvme-cli',
  'rdma-core',
  'xz-utils',
  'zstd',
];

/** An NBD client, for the test of examples/nbd-export.mjs. */
const examples = ['qemu-utils'];

// biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query's own placeholders.
const FORMAT = '${db:Status-Abbrev}${Package}\n';
const LISTS = '/var/lib/apt/lists';
const OLD_MS = 7 * 24 * 3600 * 1000;
const LOG = 'packages.log';

/** Returns the packages that are needed: with the user's own SPDK not those for building SPDK. */
function wanted(): string[] {
  const own = hasOwnSpdk() ? [] : buildSpdk;
  const browser = findBrowser() ? [] : ['chromium'];
  return [...new Set([...compile, ...nativeTests, ...own, ...fabric, ...examples, ...browser])].sort();
}

function hasOwnSpdk(): boolean {
  if (process.env.SPDK_PREFIX) return true;
  try {
    spdkFlags.findSpdk({ withCache: false });
    return true;
  } catch {
    return false;
  }
}

/** The packages that are missing; undefined if the machine has no dpkg. */
function missing(): string[] | undefined {
  const names = wanted();
  const { error, stdout } = spawnSync('dpkg-query', ['-W', '-f', FORMAT, ...names], {
    encoding: 'utf8',
  });
  if (error) return undefined;
  const installed = new Set(
    stdout.split('\n').flatMap((line) => (line.startsWith('ii ') ? [line.slice(3)] : [])),
  );
  return names.filter((name) => !installed.has(name));
}

export const packages: Step = {
  title: 'Debian packages',

  async upToDate() {
    return (missing() ?? []).length === 0;
  },

  async run({ report, progress }: Reporter) {
    const names = missing() ?? [];
    if (names.length === 0) return;
    if (process.getuid?.() !== 0) {
      throw new SetupError(
        `Debian packages are missing. Install them, then run this again:\n\n` +
          `  sudo apt-get install -y --no-install-recommends ${names.join(' ')}\n`,
      );
    }
    report(`installing ${names.join(' ')}`);
    newLog(LOG);
    const apt = (...args: string[]) =>
      run('apt-get', ['-o', 'DPkg::Lock::Timeout=300', '-q', ...args], {
        env: { DEBIAN_FRONTEND: 'noninteractive' },
        log: LOG,
        onLine: progress,
      });
    const install = () => apt('install', '-y', '--no-install-recommends', ...names);

    if (listsAreOld()) {
      await apt('update');
      await install();
      return;
    }
    try {
      await install();
    } catch (error) {
      // Lists that are a few days old may name versions that the mirror no longer has.
      if (error instanceof SetupError && error.message === 'stopped') throw error;
      report('apt-get install failed; trying again after apt-get update');
      await apt('update');
      await install();
    }
  },
};

/** The time of the download: apt gives the files the time at which the mirror created them. */
function listsAreOld(): boolean {
  const lists = fs.existsSync(LISTS) ? fs.readdirSync(LISTS) : [];
  if (!lists.some((name) => name.includes('_Packages'))) return true;
  const fetched = lists
    .filter((name) => name.endsWith('Release'))
    .map((name) => fs.statSync(path.join(LISTS, name)).ctimeMs);
  return Date.now() - Math.max(...fetched, 0) > OLD_MS;
}
