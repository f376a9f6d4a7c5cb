// The data of stdin and stdout. From a block device or a folder Node.js itself reads nothing, as if it were empty, and it drops what is
// written to one.

import { createReadStream, createWriteStream, fstatSync, readFileSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { UsageError } from '../process/exit.js';

const descriptors = { stdin: 0, stdout: 1 } as const;

/** Rejects what holds no data. */
export function checkStdio(name: keyof typeof descriptors): void {
  if (fstatSync(descriptors[name]).isDirectory())
    throw new UsageError(`${name} must be a file or a pipe, and is a folder`);
}

/** The rest of a file; undefined for what has no size, such as a pipe. */
export function sizeOfStdin(): number | undefined {
  const stats = fstatSync(descriptors.stdin);
  if (!stats.isFile()) return undefined;
  // A shell may have read the beginning of it.
  const [, position = '0'] = /^pos:\s*(\d+)$/m.exec(readFileSync('/proc/self/fdinfo/0', 'utf8')) ?? [];
  return Math.max(0, stats.size - Number(position));
}

export function dataOfStdin(): Readable {
  const fd = descriptors.stdin;
  return fstatSync(fd).isBlockDevice() ? createReadStream('', { fd, autoClose: false }) : process.stdin;
}

/** Its errors are those of its writes. */
export function dataToStdout(): Writable {
  const fd = descriptors.stdout;
  if (!fstatSync(fd).isBlockDevice()) return process.stdout;
  return createWriteStream('', { fd, autoClose: false }).on('error', () => {});
}
