// The set-up's step that compiles TypeScript.

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
  const versions = ['typescript', 'esbuild'].map((name) => require(`${name}/package.json`).version);
  return fingerprint(['lib', 'cli', 'scripts/bundle.ts', 'tsconfig.json', 'tsconfig.build.json'], {
    versions,
  });
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
    await run('npm', ['run', 'build'], { cwd: root, log: LOG });
    writeStamp(STAMP, stamp);
  },
};
