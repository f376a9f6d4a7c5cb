import path from 'node:path';
import { fileURLToPath } from 'node:url';
import cache from '../spdk-flags/cache.cjs';

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
export const cacheRoot = cache.cacheRoot(process.env);
export const spdkFolder = path.join(cacheRoot, 'spdk');
export const downloads = path.join(cacheRoot, 'downloads');
export const logs = path.join(cacheRoot, 'logs');
/** node-gyp's and cmake-js's output, and the stamps that say what it was made from. */
export const buildFolder = path.join(root, 'build');
/** The log of downloading and building SPDK. */
export const SPDK_LOG = 'spdk.log';
