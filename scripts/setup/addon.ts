// The set-up's step that builds the addon.

import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import nodeHeaders from '../node-headers.cjs';
import spdkFlags from '../spdk-flags.cjs';
import { cachedCompiler } from './compiler-cache.js';
import { buildFolder, root } from './paths.js';
import { newLog, run } from './processes.js';
import { clearStamp, fingerprint, readStamp, writeStamp } from './stamp.js';
import type { Reporter, Step } from './step.js';

const LOG = 'addon.log';
const STAMP = 'addon';
const require = createRequire(import.meta.url);

/** What is built, and from what. */
interface AddonParts {
  /** The name of the target in binding.gyp. */
  readonly name: string;
  /** Files and folders of the checkout. */
  readonly sources: readonly string[];
}

/** Everything the binary depends on; SPDK's archives by time and size, since they are large. */
function current(sources: readonly string[]): string {
  const flags = spdkFlags.findSpdk();
  const archives = flags.libraries
    .filter((word) => path.isAbsolute(word))
    .map((file) => [file, fs.statSync(file).size, fs.statSync(file).mtimeMs]);
  const { version } = require('node-addon-api/package.json');
  return fingerprint(sources, { flags, archives, version, node: process.versions.node, arch: process.arch });
}

export function addon({ name, sources }: AddonParts): Step {
  const binary = path.join(buildFolder, 'Release', `${name}.node`);
  return {
    title: 'Addon',
    upToDate: async () => fs.existsSync(binary) && readStamp(STAMP) === current(sources),
    run: (reporter) => build(binary, sources, reporter),
  };
}

async function build(
  binary: string,
  sources: readonly string[],
  { report, progress }: Reporter,
): Promise<void> {
  const stamp = current(sources);
  const flags = spdkFlags.findSpdk();
  report(
    `building for SPDK ${flags.version} (${flags.source}, ${flags.linkage}) and Node.js ${process.version}`,
  );
  newLog(LOG);
  clearStamp(STAMP);
  // make does not know that the binary depends on SPDK's archives; without a binary it links.
  fs.rmSync(binary, { force: true });

  const nodeGyp = (...args: string[]) =>
    run(process.execPath, [require.resolve('node-gyp/bin/node-gyp.js'), ...args], {
      cwd: root,
      env: cachedCompiler(root),
      log: LOG,
      onLine: progress,
    });
  await nodeGyp('configure', ...nodeHeaders.nodeGypArguments(), '--', '-Dwerror=1');
  await nodeGyp('build', '--jobs', String(os.availableParallelism()));
  writeStamp(STAMP, stamp);
}
