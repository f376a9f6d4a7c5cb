import { join } from 'node:path';
import cache from '../spdk-flags/cache.cjs';

/** Where the fabric's downloads and images are kept, in the cache folder outside the checkout. */
export function fabricCache(): string {
  return join(cache.cacheRoot(process.env), 'fabric');
}
