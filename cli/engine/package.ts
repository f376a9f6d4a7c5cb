import { createRequire } from 'node:module';
import path from 'node:path';

/** The folder of the package, both for dist/ and for a checkout. */
export const packageRoot = path.dirname(createRequire(import.meta.url).resolve('spdk-nvme/package.json'));
