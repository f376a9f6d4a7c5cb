// The part of `npm test` on other releases of Node.js.

import fs from 'node:fs';
import path from 'node:path';
import recipe from '../node-releases.json' with { type: 'json' };
import { nodeProgram } from '../setup/node-releases.js';
import { root } from '../setup/paths.js';
import { add, type Counts, ran, within } from './counts.js';
import { Random } from './random.js';
import { type RunOptions, runOnHost } from './vitest.js';

const TCP_FILES = ['attach', 'io', 'reset'].map((name) => `test/tcp/${name}.test.ts`);

/** The same on every Node.js: tests of the checkout's own tools, and of a page in a browser. */
const SAME_EVERYWHERE = ['bench-*', 'fabric-*', 'html-report', 'setup', 'soak', 'testing', 'written'].map(
  (name) => `test/unit/${name}.test.ts`,
);
/** How many of the random cases they try: all on one release, since they find faults of this package. */
const PART_OF_RUNS = '0.1';

/** The oldest release that package.json names of the major version that runs this. */
export function nodeOfThisMajor(): string {
  const major = majorOf(process.versions.node);
  const release = recipe.releases.find(({ version }) => majorOf(version) === major);
  return release ? nodeProgram(release.version) : process.execPath;
}

const majorOf = (version: string) => version.split('.')[0];

/** Which files each release runs: the last one all, the others a share each. Every file is in one share, drawn at random. */
export function filesOfReleases(
  versions: readonly string[],
  files: readonly string[],
  random: Random,
): Map<string, readonly string[]> {
  const drawn = [...files];
  for (let i = drawn.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [drawn[i], drawn[j]] = [drawn[j] as string, drawn[i] as string];
  }
  const shares = versions.length - 1;
  return new Map(
    versions.map((version, share) => [
      version,
      share === shares ? files : drawn.filter((_, i) => i % shares === share).sort(),
    ]),
  );
}

function unitTestFiles(): string[] {
  return fs
    .readdirSync(path.join(root, 'test/unit'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => `test/unit/${name}`)
    .sort();
}

/**
 * What depends on Node.js, on the oldest release of each major version that package.json names: the unit tests, which load the
 * addon, and the TCP tests that attach, read and write, and reset. The parts of the unit tests and of those over TCP have run on
 * the major version of this Node.js ({@link nodeOfThisMajor}). The releases before the newest share the tests, to save time: what
 * fails on one of them alone is found sooner or later, since each run divides them differently.
 */
export async function runOnNodeReleases(folder: string, signal: AbortSignal): Promise<Counts> {
  const run = async (version: string, project: 'unit' | 'tcp', options: RunOptions): Promise<Counts> => {
    const node = nodeProgram(version);
    const counts = await runOnHost([project], path.join(folder, version), signal, { node, ...options });
    return within(`Node.js ${version}`, ran(counts));
  };
  const others = recipe.releases
    .map(({ version }) => version)
    .filter((version) => nodeProgram(version) !== nodeOfThisMajor());
  const random = new Random(Number(process.env.NODE_RELEASES_SEED) || Date.now() % 2 ** 31);
  const shares = [...filesOfReleases(others, unitTestFiles(), random)];
  const tcpShares = filesOfReleases(others, TCP_FILES, random);
  console.log(`\nNode.js ${others.join(' and ')}, NODE_RELEASES_SEED=${random.seed}: unit`);
  // At the same time, since they wait for half of it, and have no target that spins on a processor.
  const all = await Promise.all(
    shares.map(([version, files]) =>
      run(version, 'unit', { late: true, files, except: SAME_EVERYWHERE, env: { PART_OF_RUNS } }),
    ),
  );
  for (const [version, files] of tcpShares) {
    if (signal.aborted) break;
    console.log(`\nNode.js ${version}: tcp`);
    all.push(await run(version, 'tcp', { files }));
  }
  return add(...all);
}
