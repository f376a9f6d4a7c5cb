import { type Stats, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { InvalidArgumentError } from 'commander';

/** A run may take hours, so it is checked first that its report can be written. */
export function writableFile(path: string): string {
  const stats = statsOf(path);
  if (path === '' || stats?.isDirectory())
    throw new InvalidArgumentError('The value must be the name of a file.');
  if (!stats && !statsOf(dirname(path))?.isDirectory()) {
    throw new InvalidArgumentError(`Create the folder ${dirname(path)} first.`);
  }
  return path;
}

/** Undefined for a name that does not exist, or cannot. */
function statsOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}
