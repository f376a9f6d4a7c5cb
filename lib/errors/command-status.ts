// The error for the status of an I/O command.

import { nvmeStatus } from './nvme-status.js';
import { SpdkError } from './spdk-error.js';

/** A status word with this bit carries an errno of this host (native/core/io/io_ring.h). */
const hostError = 0x8000_0000;
/** Generic statuses "Command Abort Requested" and "Command Aborted due to SQ Deletion", by release. */
const abortedStatuses = [0x07, 0x08];
/** ECANCELED: the remaining parts of a cancelled command. ECONNRESET: so, and its connection was lost with others of them. */
const canceled = [hostError + 125, hostError + 104];

/** Whether a command ended with its queue pair or because it was cancelled. */
export function isAborted(word: number): boolean {
  // Nearly all succeed, and this is asked for each.
  if (word === 0) return false;
  return word < hostError ? abortedStatuses.includes(word & 0x7ff) : canceled.includes(word);
}

/** Whether a command ended with its connection, so that a target may still carry it out, or because a controller aborted it. */
export function mayBeOutstanding(word: number): boolean {
  return word === hostError + 104 || (word < hostError && isAborted(word));
}

/** The errnos of native/core/io/io_ring.cc that have a code of their own. */
const hostErrors: Readonly<Record<number, SpdkError['code']>> = {
  6: 'ERR_SPDK_CONTROLLER_FAILED', // ENXIO: the queue pair has lost its connection
  12: 'ERR_SPDK_NO_MEMORY', // ENOMEM
  14: 'ERR_SPDK_INVALID_BUFFER', // EFAULT
  19: 'ERR_SPDK_NAMESPACE_GONE', // ENODEV
  34: 'ERR_SPDK_OUT_OF_RANGE', // ERANGE
  95: 'ERR_SPDK_UNSUPPORTED', // ENOTSUP
  104: 'ERR_SPDK_ABORTED', // ECONNRESET
  125: 'ERR_SPDK_ABORTED', // ECANCELED
};

/** Media errors "End-to-end Guard Check Error", "… Application Tag Check Error" and "… Reference Tag Check Error". */
const protectionStatuses = [0x282, 0x283, 0x284];

/** The error of a command with a status word other than zero. */
export function commandError(what: string, word: number): SpdkError {
  if (word >= hostError) {
    const errno = word - hostError;
    const message = `${what} could not be sent to the controller`;
    return new SpdkError(hostErrors[errno] ?? 'ERR_SPDK_IO_FAILED', message, { errno });
  }
  const dnr = (word & 0x800) !== 0;
  const status = nvmeStatus((word >> 8) & 0x7, word & 0xff, dnr, 'nvm', (word >> 12) & 0x3);
  const code = protectionStatuses.includes(word & 0x7ff) ? 'ERR_SPDK_PROTECTION' : 'ERR_SPDK_IO_FAILED';
  return new SpdkError(code, `${what} failed: ${status.name}`, { nvmeStatus: status });
}

/**
 * The error that a status of a {@link Batch} stands for; undefined for success.
 * @param status an entry of `batch.statuses`
 */
export function statusError(status: number): SpdkError | undefined {
  return status === 0 ? undefined : commandError('The command', status);
}
