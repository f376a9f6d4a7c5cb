import { createRequire } from 'node:module';
import path from 'node:path';

const require = createRequire(import.meta.url);
const description = require.resolve('spdk-nvme/package.json');

/** The folder of the package, both for dist/ and for a checkout. */
export const packageRoot = path.dirname(description);

export const packageVersion: string = require(description).version;
