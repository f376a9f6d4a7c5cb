// The set-up's step that compiles TypeScript.

import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { root } from './paths.js';
import { newLog, run } from './processes.js';
import { clearStamp, fingerprint, readStamp, writeStamp } from './stamp.js';
import type { Step } from './step.js';

const LOG = 'typescript.log';
const STAMP = 'typescript';
const require = createRequire(import.meta.url);

/** What `npm run build` makes, and from what. */
interface CompiledParts {
  /** Files and folders of the checkout. */
  readonly sources: readonly string[];
  /** The npm packages that compile them. */
  readonly compilers: readonly string[];
  /** One of the files that are made. */
  readonly made: string;
}

export function compiled({ sources, compilers, made }: CompiledParts): Step {
  const current = () => {
    const versions = compilers.map((name) => require(`${name}/package.json`).version);
    return fingerprint(sources, { versions });
  };
  return {
    title: 'TypeScript',

    async upToDate() {
      return fs.existsSync(path.join(root, made)) && readStamp(STAMP) === current();
    },

    async run({ report }) {
      const stamp = current();
      report(`compiling to ${path.dirname(made)}/`);
      newLog(LOG);
      clearStamp(STAMP);
      await run('npm', ['run', 'build'], { cwd: root, log: LOG });
      writeStamp(STAMP, stamp);
    },
  };
}
