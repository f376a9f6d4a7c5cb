import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { root } from './paths.js';
import { newLog, run } from './processes.js';
import { clearStamp, fingerprint, readStamp, writeStamp } from './stamp.js';
import type { Reporter, Step } from './step.js';

const LOG = 'typescript.log';
const STAMP = 'typescript';
const require = createRequire(import.meta.url);

function current(): string {
  const { version } = require('typescript/package.json');
  return fingerprint(['lib', 'cli', 'tsconfig.json', 'tsconfig.build.json'], { version });
}

export const typescript: Step = {
  title: 'TypeScript',

  async upToDate() {
    return fs.existsSync(path.join(root, 'dist/index.js')) && readStamp(STAMP) === current();
  },

  async run({ report }: Reporter) {
    const stamp = current();
    report('compiling lib/ and cli/ to dist/');
    newLog(LOG);
    clearStamp(STAMP);
    // A renamed module must not remain in dist/.
    fs.rmSync(path.join(root, 'dist'), { recursive: true, force: true });
    const tsc = require.resolve('typescript/bin/tsc');
    for (const project of ['tsconfig.build.json', 'cli/tsconfig.json']) {
      await run(process.execPath, [tsc, '-p', project], { cwd: root, log: LOG });
    }
    writeStamp(STAMP, stamp);
  },
};
