// ccache, through which C++ is compiled that was compiled before, in this folder or in another one.

import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { cacheRoot } from './paths.js';

/** ccache's settings, by which what was compiled in one folder is found from another one, whose files have the same paths in it. */
export function compilerCache(folder: string): Record<string, string> {
  return { CCACHE_DIR: path.join(cacheRoot, 'ccache'), CCACHE_BASEDIR: folder, CCACHE_NOHASHDIR: '1' };
}

/** The environment in which node-gyp compiles through ccache; empty where that is not installed, or another compiler was asked for. */
export function cachedCompiler(folder: string): Record<string, string> {
  const { status } = spawnSync('ccache', ['--version'], { stdio: 'ignore' });
  if (status !== 0 || process.env.CXX !== undefined) return {};
  return { ...compilerCache(folder), CXX: 'ccache g++' };
}
