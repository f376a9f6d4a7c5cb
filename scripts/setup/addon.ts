// The set-up's step that builds the addon.

import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import nodeHeaders from '../node-headers.cjs';
import spdkFlags from '../spdk-flags.cjs';
import { buildFolder, root } from './paths.js';
import { newLog, run } from './processes.js';
import { clearStamp, fingerprint, readStamp, writeStamp } from './stamp.js';
import type { Reporter, Step } from './step.js';

const LOG = 'addon.log';
const STAMP = 'addon';
const SOURCES = ['binding.gyp', 'native/binding', 'native/core', 'native/spdk'];
const require = createRequire(import.meta.url);
const binary = path.join(buildFolder, 'Release', 'spdk_nvme.node');

/** Everything the binary depends on; SPDK's archives by time and size, since they are large. */
function current(): string {
  const flags = spdkFlags.findSpdk();
  const archives = flags.libraries
    .filter((word) => path.isAbsolute(word))
    .map((file) => [file, fs.statSync(file).size, fs.statSync(file).mtimeMs]);
  const { version } = require('node-addon-api/package.json');
  return fingerprint(SOURCES, { flags, archives, version, node: process.versions.node, arch: process.arch });
}

export const addon: Step = {
  title: 'Addon',

  async upToDate() {
    return fs.existsSync(binary) && readStamp(STAMP) === current();
  },

  async run({ report, progress }: Reporter) {
    const stamp = current();
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
        log: LOG,
        onLine: progress,
      });
    await nodeGyp('configure', ...nodeHeaders.nodeGypArguments(), '--', '-Dwerror=1');
    await nodeGyp('build', '--jobs', String(os.availableParallelism()));
    writeStamp(STAMP, stamp);
  },
};
