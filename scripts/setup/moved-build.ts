// The folders that CMake builds in.

import fs from 'node:fs';
import path from 'node:path';

/**
 * Removes a build that was made at another place: CMake refuses to configure it. A checkout may have been moved, or copied with its builds.
 * @param build the folder of the build
 * @param source the folder with CMakeLists.txt
 */
export function removeMovedBuild(build: string, source: string): void {
  const cache = path.join(build, 'CMakeCache.txt');
  if (!fs.existsSync(cache)) return;
  const text = fs.readFileSync(cache, 'utf8');
  const setting = (name: string) => new RegExp(`^${name}:INTERNAL=(.*)$`, 'm').exec(text)?.[1];
  const here = setting('CMAKE_CACHEFILE_DIR') === build && setting('CMAKE_HOME_DIRECTORY') === source;
  if (!here) fs.rmSync(build, { recursive: true });
}
