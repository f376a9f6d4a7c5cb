import path from 'node:path';
import { fileURLToPath } from 'node:url';
import cache from '../spdk-flags/cache.cjs';

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
export const cacheRoot = cache.cacheRoot(process.env);
export const spdkFolder = path.join(cacheRoot, 'spdk');
export const downloads = path.join(cacheRoot, 'downloads');
export const logs = path.join(cacheRoot, 'logs');
/** The output of node-gyp and cmake-js, and the stamps with its inputs. */
export const buildFolder = path.join(root, 'build');
/** The log of downloading and building SPDK. */
export const SPDK_LOG = 'spdk.log';
