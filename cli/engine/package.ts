import { createRequire } from 'node:module';
import path from 'node:path';

/** Where the package is, whether this file runs in dist/ or in a checkout. */
export const packageRoot = path.dirname(createRequire(import.meta.url).resolve('spdk-nvme/package.json'));
