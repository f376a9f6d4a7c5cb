import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { InvalidArgumentError } from 'commander';

/** A run may take hours, so it is checked first that its report can be written. */
export function writableFile(path: string): string {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (path === '' || stats?.isDirectory())
    throw new InvalidArgumentError('The value must be the name of a file.');
  if (!stats && !statSync(dirname(path), { throwIfNoEntry: false })?.isDirectory()) {
    throw new InvalidArgumentError(`Create the folder ${dirname(path)} first.`);
  }
  return path;
}
