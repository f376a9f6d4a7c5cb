import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** The cache folder outside the checkout, as README documents it. */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  if (env.SPDK_NVME_CACHE) return resolve(env.SPDK_NVME_CACHE);
  return join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'spdk-nvme');
}

export function fabricCache(): string {
  return join(cacheFolder(), 'fabric');
}
