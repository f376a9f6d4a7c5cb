// The way in to every npm script: `node scripts/bootstrap.mjs TASK [ARGS…]`. Runs before npm has installed anything,
// so it is plain Node.js without dependencies. It checks Node.js, installs the npm packages where they are missing or
// out of date, runs the set-up, then the task; exit status and Ctrl-C pass through.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { supportedNode, supportsNode } from './install/engines.mjs';
import { packagesUpToDate } from './npm-packages.mjs';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const self = fileURLToPath(import.meta.url);

/** @type {Record<string, string>} */
const tasks = {
  setup: 'scripts/setup.ts',
  stress: 'scripts/stress/main.ts',
  test: 'scripts/test.ts',
  native: 'scripts/native-tests.ts',
  'lint-native': 'scripts/native-lint.ts',
  fabric: 'scripts/fabric/main.ts',
  bench: 'scripts/bench/main.ts',
  fuzz: 'scripts/fuzz/main.ts',
  soak: 'scripts/soak/main.ts',
  'pack-prebuilt': 'scripts/prebuilt/main.ts',
};

function checkNode() {
  if (supportsNode(process.versions.node)) return true;
  console.error(`Node.js ${supportedNode} is needed; this is ${process.version}.`);
  return false;
}

/** The child that signals go to, and the signal that asked us to stop. */
/** @type {{ child?: import('node:child_process').ChildProcess | undefined, stop?: NodeJS.Signals | undefined }} */
const state = {};

for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
  process.on(signal, () => {
    state.stop = signal;
    // A terminal sends Ctrl-C to the whole foreground group: the child has it already.
    const alreadySent = signal === 'SIGINT' && process.stdin.isTTY === true;
    if (!alreadySent) state.child?.kill(signal);
  });
}

/**
 * @param {string} command
 * @param {string[]} args
 * @param {string} [cwd]
 * @returns {Promise<number>}
 */
function run(command, args, cwd = process.cwd()) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: 'inherit', cwd });
    state.child = child;
    child.on('error', (error) => {
      console.error(`${command} cannot be run: ${error.message}`);
      resolve(127);
    });
    child.on('exit', (code, signal) => {
      state.child = undefined;
      resolve(code ?? 128 + (signal ? os.constants.signals[signal] : 0));
    });
  });
}

/** @param {string} script @param {string[]} args */
function runTypeScript(script, args) {
  const file = path.join(root, script);
  if (!fs.existsSync(file)) {
    console.error(`${script} does not exist in this checkout.`);
    return Promise.resolve(1);
  }
  const before = [import.meta.resolve('tsx'), new URL('closed-pipe.mjs', import.meta.url).href];
  return run(process.execPath, [...before.flatMap((name) => ['--import', name]), file, ...args]);
}

/** Two commands started at the same time must not both let npm rewrite node_modules: the folder of this file is the lock. */
async function installPackages() {
  if (packagesUpToDate(root)) return 0;
  console.error('Installing the npm packages…');
  return run('flock', [path.dirname(self), process.execPath, self, '--npm-ci'], root);
}

async function main() {
  const [task = '', ...args] = process.argv.slice(2);
  if (task === '--npm-ci') {
    return packagesUpToDate(root)
      ? 0
      : run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], root);
  }
  const script = tasks[task];
  if (script === undefined) {
    console.error(`usage: node scripts/bootstrap.mjs ${Object.keys(tasks).join('|')} [ARGS…]`);
    return 2;
  }
  if (!checkNode()) return 1;

  const installed = await installPackages();
  if (installed !== 0 || state.stop) return installed;
  if (task === 'setup') return runTypeScript(script, args);

  const words = args[0] === '--' ? args.slice(1) : args;
  // A help text needs nothing that takes minutes to build.
  if (words[0] === '--help' || words[0] === '-h') return runTypeScript(script, words);
  const ready = await runTypeScript('scripts/setup.ts', ['--quiet']);
  if (ready !== 0 || state.stop) return ready;
  return runTypeScript(script, words);
}

const status = await main();
process.exitCode = state.stop && status === 0 ? 128 + os.constants.signals[state.stop] : status;
