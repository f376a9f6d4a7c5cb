// Files that options name: tested before the work begins.

import {
  accessSync,
  closeSync,
  constants,
  openSync,
  readSync,
  type Stats,
  statSync,
  unlinkSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { InvalidArgumentError } from 'commander';
import { explain, UsageError } from '../process/exit.js';

/** A run may take hours, so it is checked first that its report can be written. */
export function writableFile(path: string): string {
  if (path === '-')
    throw new InvalidArgumentError('For stdout write /dev/stdout, and ./- for a file of that name.');
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

/**
 * The size of a file that a verb sends; undefined for what has no size, such as a pipe. Called before anything is opened: later the
 * device would have part of what was asked for.
 * @param option its name, for the message
 */
export function sizeOfInput(option: string, path: string): number | undefined {
  let stats: Stats;
  try {
    stats = statSync(path);
    accessSync(path, constants.R_OK);
  } catch (error) {
    throw new UsageError(`${option} cannot be read: ${explain(error)}`);
  }
  if (stats.isDirectory()) throw new UsageError(`${option} must be a file, and ${path} is a folder`);
  return stats.isFile() ? stats.size : undefined;
}

/** The first bytes of a file or a device that {@link sizeOfInput} has checked: fewer if it is shorter. */
export function readInput(path: string, length: number): Buffer {
  const data = Buffer.alloc(length);
  const file = openSync(path, 'r');
  try {
    let read = 0;
    for (let more = 1; more > 0 && read < length; read += more)
      more = readSync(file, data, read, length - read, null);
    return data.subarray(0, read);
  } finally {
    closeSync(file);
  }
}

/** Looks at a file; undefined for a name that does not exist, or cannot. */
export function statsOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}
