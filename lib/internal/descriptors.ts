// The limit of open files, which a process may have reached for a moment.

import { closeSync, openSync } from 'node:fs';
import { SpdkError } from '../errors/spdk-error.js';

/** Whether a file could not be opened because too many are open, in this process or on this machine. */
function isFull(error: unknown): error is NodeJS.ErrnoException {
  const code = (error as { code?: unknown } | null)?.code;
  return code === 'EMFILE' || code === 'ENFILE';
}

/**
 * Throws if this is the reason why a file could not be opened.
 * @throws {SpdkError} ERR_SPDK_NO_DESCRIPTORS
 */
export function throwIfFull(error: unknown): void {
  if (!isFull(error)) return;
  throw SpdkError.fromNative({
    code: 'ERR_SPDK_NO_DESCRIPTORS',
    message: 'this process cannot open another file; see `ulimit -n`',
    errno: error.errno,
  });
}

/**
 * Checks that this process can open another file.
 * @throws {SpdkError} ERR_SPDK_NO_DESCRIPTORS
 */
export function checkOneDescriptor(): void {
  try {
    closeSync(openSync('/', 'r'));
  } catch (error) {
    throwIfFull(error);
  }
}
