// Builds the addon: npm's install script, and `spdk-nvme build` (with --build).
//
// Installing succeeds on a machine without SPDK or a compiler, so that projects that do not always need this package can
// be installed. The reason is kept in a file, and the first use of the package reports it. With `spdk-nvme build` and
// `npm rebuild`, an addon that is not built is a failure.
import { createRequire } from 'node:module';
import { buildAddon } from './install/build.mjs';
import { logFile, writeReport } from './install/report.mjs';
import { missingTools, whyItFailed } from './install/tools.mjs';

/** @typedef {import('./install/report.mjs').InstallReport} InstallReport */

const require = createRequire(import.meta.url);
const { findSpdk } = require('./spdk-flags.cjs');
const BUILD = 'npx spdk-nvme build';

/** @returns {Promise<InstallReport>} */
async function build() {
  let spdk;
  try {
    spdk = findSpdk();
  } catch (error) {
    const tried = /** @type {{ tried?: string[] }} */ (error).tried ?? [String(error)];
    const reason = `SPDK was not found (${tried.join('; ')})`;
    return { outcome: 'no-spdk', reason, remedy: `${BUILD} --spdk /opt/spdk` };
  }
  const missing = missingTools(process.env);
  if (missing.length > 0) {
    const names = missing.map(({ name }) => name).join(', ');
    const packages = missing.map(({ debian }) => debian).join(' ');
    const reason = `building it needs programs that are not on PATH: ${names}`;
    return { outcome: 'no-tools', reason, remedy: `apt-get install ${packages} && ${BUILD}` };
  }

  console.log(
    `spdk-nvme: building the addon for SPDK ${spdk.version} (${spdk.linkage}; ${spdk.source}: ${spdk.where})`,
  );
  let output;
  try {
    output = await buildAddon();
  } catch (error) {
    const { code = '', message } = /** @type {NodeJS.ErrnoException} */ (error);
    if (code === 'MODULE_NOT_FOUND') {
      return { outcome: 'failed', reason: 'node-gyp, which builds it, is not installed', remedy: BUILD };
    }
    const reason = `the files of the package cannot be changed (${message})`;
    return { outcome: 'failed', reason, remedy: `sudo ${BUILD}` };
  }
  if (output === undefined)
    return { outcome: 'built', reason: 'it was removed after it was built', remedy: BUILD };
  const { line, debian } = whyItFailed(output);
  const reason = `building it for SPDK ${spdk.version} failed: ${line} (the whole output is in ${logFile})`;
  return { outcome: 'failed', reason, remedy: `${debian ? `apt-get install ${debian} && ` : ''}${BUILD}` };
}

/** Whether there is a binary package that can be used here: its users do not want to build. */
async function hasPrebuilt() {
  try {
    const { findPrebuilt } = await import(new URL('../dist/native/prebuilt.js', import.meta.url).href);
    return findPrebuilt()?.file !== undefined;
  } catch {
    return false; // A checkout that has not been compiled.
  }
}

const asked = process.argv.includes('--build') || process.env.npm_command === 'rebuild';
if (!asked && !process.env.SPDK_PREFIX && (await hasPrebuilt())) {
  console.log('spdk-nvme: the addon of the binary package is used');
} else {
  const report = await build();
  writeReport(report);
  conclude(report);
}

/** @param {InstallReport} report */
function conclude(report) {
  if (report.outcome === 'built') {
    console.log('spdk-nvme: the addon is built');
    return;
  }
  console.error(
    `spdk-nvme: the addon is not built: ${report.reason}\nspdk-nvme: to fix it: ${report.remedy}`,
  );
  process.exitCode = asked || report.outcome === 'failed' ? 1 : 0;
}
