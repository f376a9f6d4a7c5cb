// The checks of Node.js, the addon and SPDK.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Advisory, advisories, spdkVersion } from 'spdk-nvme';
import { explain } from '../engine/process/exit.js';
import { packageRoot } from '../engine/process/package.js';
import { type Finding, failure, ok, warning } from './finding.js';

/** Node.js is one of the releases that package.json names. */
export async function checkNode(): Promise<Finding> {
  // An import takes URLs, in which #, ? and % of a folder's name would have a meaning.
  const engines = pathToFileURL(path.join(packageRoot, 'scripts/install/engines.mjs'));
  const { supportedNode, supportsNode } = await import(engines.href);
  return supportsNode(process.versions.node)
    ? ok('Node.js', process.version)
    : failure(
        'Node.js',
        `${process.version} is not among the supported releases, ${supportedNode}`,
        'nvm install 24  (or a package of nodejs.org)',
      );
}

/** Whether the addon loads, and the advisories about its SPDK release. */
export function checkAddon(): Finding[] {
  try {
    const { text, linkage, dpdkLinkage, patches, file } = spdkVersion();
    const linked = `SPDK ${linkage}, DPDK ${dpdkLinkage}${patches.map((name) => `, patch ${name}`).join('')}`;
    return [ok('addon', `built with ${text} (${linked}), ${origin(file)}`), checkAdvisories(advisories())];
  } catch (error) {
    return [failure('addon', explain(error), 'npx spdk-nvme build'), checkSpdk()];
  }
}

/** The advisories about the linked SPDK. With shared libraries the package cannot avoid some of the problems. */
export function checkAdvisories(known: readonly Pick<Advisory, 'needsArchives'>[]): Finding {
  if (known.length === 0) return ok('advisories', 'none for this release');
  const unavoided = known.filter(({ needsArchives }) => needsArchives).length;
  if (unavoided === 0) {
    return ok(
      'advisories',
      `${known.length} for this release, and how each is avoided: npx spdk-nvme advisories`,
    );
  }
  return warning(
    'advisories',
    `${known.length} for this release, of which ${unavoided} are not avoided with shared libraries of SPDK`,
    'npx spdk-nvme advisories; npx spdk-nvme build --spdk PREFIX  (with archives of SPDK)',
  );
}

/** Where the addon is from. */
function origin(file: string): string {
  const manifest = path.join(path.dirname(file), 'package.json');
  if (!existsSync(manifest)) return `on this machine: ${file}`;
  const { name, version, glibc } = JSON.parse(readFileSync(manifest, 'utf8'));
  return `in the binary package ${name} ${version}, which needs glibc ${glibc}: ${file}`;
}

/** The SPDK that a build would use. */
function checkSpdk(): Finding {
  const script = path.join(packageRoot, 'scripts/spdk-flags.cjs');
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, '--json'], { encoding: 'utf8' });
  if (status !== 0) {
    return failure('SPDK', stderr.trim(), 'npx spdk-nvme build --spdk PREFIX  (where SPDK is installed)');
  }
  const { version, linkage, source, where } = JSON.parse(stdout);
  return ok('SPDK', `a build takes ${version} (${linkage}; ${source}: ${where})`);
}
