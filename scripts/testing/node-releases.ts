import path from 'node:path';
import { nodeProgram, nodeReleases } from '../setup/node-releases.js';
import { add, type Counts, ran, within } from './counts.js';
import { runOnHost } from './vitest.js';

const TCP_FILES = ['attach', 'io', 'reset'].map((name) => `test/tcp/${name}.test.ts`);

/**
 * What depends on Node.js, on the oldest release of each line that package.json names: the unit tests, which load the
 * addon, and the TCP tests that attach, read and write, and reset.
 */
export async function runOnNodeReleases(folder: string, signal: AbortSignal): Promise<Counts> {
  const all: Counts[] = [];
  for (const { version } of nodeReleases) {
    for (const [project, files] of [['unit', []] as const, ['tcp', TCP_FILES] as const]) {
      if (signal.aborted) break;
      console.log(`\nNode.js ${version}: ${project}`);
      const options = { node: nodeProgram(version), files };
      const counts = await runOnHost([project], path.join(folder, version), signal, options);
      all.push(within(`Node.js ${version}`, ran(counts)));
    }
  }
  return add(...all);
}
