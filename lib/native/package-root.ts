// Where this package is installed, whichever of its files, bundled or not, asks.

import { createRequire } from 'node:module';
import path from 'node:path';

const require = createRequire(import.meta.url);

/** The folder of package.json. */
export const packageRoot = path.dirname(require.resolve('spdk-nvme/package.json'));
