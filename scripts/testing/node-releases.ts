import path from 'node:path';
import { nodeProgram, nodeReleases } from '../setup/node-releases.js';
import { add, type Counts, ran, within } from './counts.js';
import { runOnHost } from './vitest.js';

/** The unit tests, which load the same addon each time, on the oldest Node.js of each line that package.json names. */
export async function runOnNodeReleases(folder: string, signal: AbortSignal): Promise<Counts> {
  const all: Counts[] = [];
  for (const { version } of nodeReleases) {
    if (signal.aborted) break;
    console.log(`\nNode.js ${version}`);
    const node = nodeProgram(version);
    const counts = await runOnHost('unit', path.join(folder, version), signal, { node });
    all.push(within(`Node.js ${version}`, ran(counts)));
  }
  return add(...all);
}
