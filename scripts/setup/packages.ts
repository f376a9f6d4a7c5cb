// The set-up's step that installs Debian packages.

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { newLog, run } from './processes.js';
import { type Reporter, SetupError, type Step } from './step.js';

// biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query's own placeholders.
const FORMAT = '${db:Status-Abbrev}${Package}\n';
const LISTS = '/var/lib/apt/lists';
const OLD_MS = 7 * 24 * 3600 * 1000;
const LOG = 'packages.log';

/** Debian packages for one purpose. */
interface PackageGroup {
  readonly names: readonly string[];
  /** Whether this machine needs them. Default: it does. */
  readonly needed?: () => boolean;
}

/** The packages that are missing; undefined if the machine has no dpkg. */
function missingOf(groups: readonly PackageGroup[]): string[] | undefined {
  const wanted = groups.flatMap(({ names, needed }) => (!needed || needed() ? names : []));
  const names = [...new Set(wanted)].sort();
  const { error, stdout } = spawnSync('dpkg-query', ['-W', '-f', FORMAT, ...names], {
    encoding: 'utf8',
  });
  if (error) return undefined;
  const installed = new Set(
    stdout.split('\n').flatMap((line) => (line.startsWith('ii ') ? [line.slice(3)] : [])),
  );
  return names.filter((name) => !installed.has(name));
}

export function debianPackages(groups: readonly PackageGroup[]): Step {
  return {
    title: 'Debian packages',
    upToDate: async () => (missingOf(groups) ?? []).length === 0,
    run: (reporter) => install(missingOf(groups) ?? [], reporter),
  };
}

async function install(names: readonly string[], { report, progress }: Reporter): Promise<void> {
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
  const installAll = () => apt('install', '-y', '--no-install-recommends', ...names);

  if (listsAreOld()) {
    await apt('update');
    await installAll();
    return;
  }
  try {
    await installAll();
  } catch (error) {
    // Lists that are a few days old may name versions that the mirror no longer has.
    if (error instanceof SetupError && error.message === 'stopped') throw error;
    report('apt-get install failed; trying again after apt-get update');
    await apt('update');
    await installAll();
  }
}

/** The time of the download: apt gives the files the time at which the mirror created them. */
function listsAreOld(): boolean {
  const lists = fs.existsSync(LISTS) ? fs.readdirSync(LISTS) : [];
  if (!lists.some((name) => name.includes('_Packages'))) return true;
  const fetched = lists
    .filter((name) => name.endsWith('Release'))
    .map((name) => fs.statSync(path.join(LISTS, name)).ctimeMs);
  return Date.now() - Math.max(...fetched, 0) > OLD_MS;
}
