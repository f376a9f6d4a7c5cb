// Runs node-gyp, with its output shown and kept.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { logFile, root } from './report.mjs';

const require = createRequire(import.meta.url);
const { nodeGypArguments } = require('../node-headers.cjs');
const addon = path.join(root, 'build/Release/spdk_nvme.node');

/**
 * Builds the addon and loads it once.
 * @returns {Promise<string | undefined>} undefined, or all that was printed when that failed
 * @throws {NodeJS.ErrnoException} where the package's files cannot be changed, or node-gyp is missing
 */
export async function buildAddon() {
  const nodeGyp = require.resolve('node-gyp/bin/node-gyp.js');
  fs.rmSync(logFile, { force: true });
  // make does not know that the addon depends on SPDK's archives; where there is none, it links.
  fs.rmSync(addon, { force: true });
  const jobs = process.env.JOBS ?? process.env.npm_config_jobs ?? 'max';
  const steps = [
    [nodeGyp, 'configure', ...nodeGypArguments()],
    [nodeGyp, 'build', '--jobs', jobs],
    ['-e', `require(${JSON.stringify(addon)})`],
  ];
  for (const args of steps) {
    const output = await run(args);
    if (output !== undefined) return output;
  }
  return undefined;
}

/** @param {string} text */
function keep(text) {
  try {
    fs.appendFileSync(logFile, text);
  } catch {
    // The disk is full, for example. The text was printed, and the build goes on as far as it can.
  }
}

/** @param {string[]} args @returns {Promise<string | undefined>} */
function run(args) {
  return new Promise((resolve) => {
    let output = '';
    const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const [from, to] of /** @type {const} */ ([
      [child.stdout, process.stdout],
      [child.stderr, process.stderr],
    ])) {
      from.setEncoding('utf8');
      from.on('data', (/** @type {string} */ text) => {
        output += text;
        to.write(text);
        keep(text);
      });
    }
    child.on('error', (error) => resolve(String(error)));
    child.on('close', (status) => resolve(status === 0 ? undefined : output));
  });
}
