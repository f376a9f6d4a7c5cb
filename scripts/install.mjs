// npm's install script: builds the addon where SPDK is found. Where it is not, the installation still succeeds, and
// the first use of the package says the same as the line printed here.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
const { findSpdk } = require('./spdk-flags.cjs');
const { nodeGypArguments } = require('./node-headers.cjs');

function main() {
  let spdk;
  try {
    spdk = findSpdk();
  } catch (error) {
    console.error(
      'spdk-nvme: SPDK was not found, the addon is not built. Set SPDK_PREFIX to its prefix (or PKG_CONFIG_PATH to ' +
        'the folder of spdk_nvme.pc), then run: npm rebuild spdk-nvme',
    );
    if (process.env.npm_config_loglevel === 'verbose') console.error(error);
    return 0;
  }

  console.log(`spdk-nvme: building the addon for SPDK ${spdk.version} (${spdk.source}: ${spdk.where})`);
  const nodeGyp = require.resolve('node-gyp/bin/node-gyp.js');
  const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
  const args = [nodeGyp, 'rebuild', ...nodeGypArguments()];
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
  if (status !== 0)
    console.error('spdk-nvme: the addon was not built; see the errors above, then: npm rebuild spdk-nvme');
  return status ?? 1;
}

process.exitCode = main();
