import { accessSync, closeSync, constants, openSync, type Stats, statSync, unlinkSync } from 'node:fs';
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
  const why = whyNotWritable(path, stats);
  if (why !== undefined) throw new InvalidArgumentError(`The file cannot be written: ${why}.`);
  return path;
}

/** A file that is there keeps its content; one that is not is made, which some folders only seem to allow, and removed. */
function whyNotWritable(path: string, stats: Stats | undefined): string | undefined {
  try {
    if (stats) {
      accessSync(path, constants.W_OK);
      // Opening a pipe would wait for its reader.
      if (stats.isFile()) closeSync(openSync(path, 'r+'));
    } else {
      closeSync(openSync(path, 'wx'));
      unlinkSync(path);
    }
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** Undefined for a name that does not exist, or cannot. */
function statsOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}
