// The part of `npm test` on other releases of Node.js.

import path from 'node:path';
import { nodeProgram, nodeReleases } from '../setup/node-releases.js';
import { add, type Counts, ran, within } from './counts.js';
import { runOnHost } from './vitest.js';

const TCP_FILES = ['attach', 'io', 'reset'].map((name) => `test/tcp/${name}.test.ts`);

/** The oldest release that package.json names of the line of the Node.js that runs this. */
export function nodeOfThisLine(): string {
  const line = lineOf(process.versions.node);
  const release = nodeReleases.find(({ version }) => lineOf(version) === line);
  return release ? nodeProgram(release.version) : process.execPath;
}

const lineOf = (version: string) => version.split('.')[0];

/**
 * What depends on Node.js, on the oldest release of each line that package.json names: the unit tests, which load the
 * addon, and the TCP tests that attach, read and write, and reset. The part of the unit tests has run those of the line
 * of this Node.js ({@link nodeOfThisLine}).
 */
export async function runOnNodeReleases(folder: string, signal: AbortSignal): Promise<Counts> {
  const all: Counts[] = [];
  for (const { version } of nodeReleases) {
    const unit = nodeProgram(version) === nodeOfThisLine() ? [] : [['unit', []] as const];
    for (const [project, files] of [...unit, ['tcp', TCP_FILES] as const]) {
      if (signal.aborted) break;
      console.log(`\nNode.js ${version}: ${project}`);
      const options = { node: nodeProgram(version), files };
      const counts = await runOnHost([project], path.join(folder, version), signal, options);
      all.push(within(`Node.js ${version}`, ran(counts)));
    }
  }
  return add(...all);
}
