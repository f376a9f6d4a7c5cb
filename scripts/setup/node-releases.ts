// The set-up's step that fetches other releases of Node.js.

import fs from 'node:fs';
import path from 'node:path';
import { fetchNpmProgram, removeUnfinished } from './npm-program.js';
import { cacheRoot } from './paths.js';
import { newLog } from './processes.js';
import type { Step } from './step.js';

const LOG = 'node.log';
/** The path of the program in the package. */
const FILE = 'bin/node';
const folder = path.join(cacheRoot, 'node');

/** The npm package with Node.js, and its releases that are fetched. */
interface NodeReleases {
  readonly package: string;
  /** `integrity` is that of npm: the SHA-512 of the package. */
  readonly releases: readonly { readonly version: string; readonly integrity: string }[];
}

const folderOf = (version: string) => path.join(folder, `v${version}`);

/** The path of the program of a release. */
export function nodeProgram(version: string): string {
  return path.join(folderOf(version), FILE);
}

export function nodePrograms(recipe: NodeReleases): Step {
  const missing = () => recipe.releases.filter(({ version }) => !fs.existsSync(nodeProgram(version)));
  return {
    title: 'Node.js releases',

    async upToDate() {
      return missing().length === 0;
    },

    async run({ report, progress }) {
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
}
