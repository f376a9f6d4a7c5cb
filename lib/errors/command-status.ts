// The error for the status of an I/O command.

import type { SpdkErrorCode } from './catalogue.js';
import { nvmeStatus } from './nvme-status.js';
import { SpdkError } from './spdk-error.js';

/** A status word with this bit carries an errno of this host (native/core/io/ring_layout.h). */
export const hostError = 0x8000_0000;
/** "Command Aborted due to SQ Deletion", with which SPDK ends what a queue pair had. */
const queueDeleted = 0x08;
/** "Command Abort Requested" is the other one, by release. */
const abortedStatuses = [0x07, queueDeleted];
/** Of what is heard of an operation that was sent and got no response. */
const unknownEnd = 'its connection ended, and the controller may or may not have carried it out';
/** The status code type "Path Related Status". */
const pathRelated = 3;
/** ECANCELED: the remaining parts of a cancelled command. ECONNRESET: so, and its connection was lost with others of them. */
const canceled = [hostError + 125, hostError + 104];

/** Whether a command ended with its queue pair or because it was cancelled. */
export function isAborted(word: number): boolean {
  // Nearly all succeed, and this is asked for each.
  if (word === 0) return false;
  return word < hostError ? abortedStatuses.includes(word & 0x7ff) : canceled.includes(word);
}

/**
 * ENXIO: SPDK took no command, because the queue pair has no connection; or one that was sent over a lost connection waits no longer for
 * another.
 */
const notConnected = hostError + 6;

/**
 * Whether a command ended with its connection, so that a target may still carry it out, or because a controller aborted it. Other errors of
 * this host than ECANCELED may be those of an attempt to send it again.
 */
export function mayBeOutstanding(word: number): boolean {
  return word < hostError ? isAborted(word) : word !== hostError + 125;
}

/**
 * Whether a status says nothing of the command but that it did not get through: it was aborted, as SPDK ends those of a lost
 * connection, or the path to the controller was lost.
 */
export function saysNothing({ sct, sc }: Pick<CommandStatus, 'sct' | 'sc'>): boolean {
  return sct === pathRelated || (sct === 0 && abortedStatuses.includes(sc));
}

/** Whether a command that is not split, and is sent once only, was never sent, because its connection had ended. */
export function neverSent(failure: CommandFailure): boolean {
  return failure === notConnected;
}

/** What an errno of native/core/io/io_ring.cc means. A part of the operation, or all of it, may have been sent before. */
interface HostError {
  readonly code: SpdkErrorCode;
  readonly why: string;
}

const cancelledCommand: HostError = { code: 'ERR_SPDK_ABORTED', why: 'it was cancelled' };

/** Those that have a code of their own. */
const hostErrors: Readonly<Record<number, HostError>> = {
  // ENXIO: the queue pair has lost its connection, or its commands no longer wait for another one.
  6: {
    code: 'ERR_SPDK_CONTROLLER_FAILED',
    why: unknownEnd,
  },
  // ENOMEM
  12: { code: 'ERR_SPDK_NO_MEMORY', why: 'there was no memory to send it' },
  // EFAULT
  14: { code: 'ERR_SPDK_INVALID_BUFFER', why: 'its memory cannot be used any more' },
  // ENODEV
  19: {
    code: 'ERR_SPDK_NAMESPACE_GONE',
    why: 'the namespace is gone or has changed; see controller.namespaces',
  },
  // ERANGE
  34: { code: 'ERR_SPDK_OUT_OF_RANGE', why: 'it extends past the end of the namespace' },
  // EMSGSIZE
  90: { code: 'ERR_SPDK_INVALID_ARG_VALUE', why: 'it has more data than one command transfers now' },
  // ENOTSUP
  95: { code: 'ERR_SPDK_UNSUPPORTED', why: 'the namespace or the linked SPDK does not support it' },
  // ECONNRESET, ECANCELED
  104: cancelledCommand,
  125: cancelledCommand,
};

/** Statuses, their type in bits 8 to 10, that have a code of their own. */
const codesOf: ReadonlyMap<number, SpdkErrorCode> = new Map([
  // Of the Zoned Namespace command set.
  [0x1b8, 'ERR_SPDK_ZONE_BOUNDARY'],
  [0x1b9, 'ERR_SPDK_ZONE_FULL'],
  [0x1ba, 'ERR_SPDK_ZONE_READ_ONLY'],
  [0x1bb, 'ERR_SPDK_ZONE_OFFLINE'],
  [0x1bc, 'ERR_SPDK_ZONE_INVALID_WRITE'],
  [0x1bd, 'ERR_SPDK_TOO_MANY_ACTIVE_ZONES'],
  [0x1be, 'ERR_SPDK_TOO_MANY_OPEN_ZONES'],
  [0x1bf, 'ERR_SPDK_ZONE_INVALID_TRANSITION'],
  // Media errors: the checks of guard, application tag and reference tag.
  [0x282, 'ERR_SPDK_PROTECTION'],
  [0x283, 'ERR_SPDK_PROTECTION'],
  [0x284, 'ERR_SPDK_PROTECTION'],
]);

/**
 * Why an operation was not carried out: the status word of a command, which is not zero, or an error where no command had
 * one. An error is made of a status only for a caller: with its stack it costs more than sending the command again.
 */
export type CommandFailure = number | SpdkError;

/** The fields of a status word that a controller has sent. */
export interface CommandStatus {
  readonly sct: number;
  readonly sc: number;
  readonly dnr: boolean;
  readonly crd: number;
}

/** What the controller said; undefined where it said nothing. */
export function commandStatus(failure: CommandFailure): CommandStatus | undefined {
  if (typeof failure !== 'number' || failure >= hostError) return undefined;
  return {
    sct: (failure >> 8) & 0x7,
    sc: failure & 0xff,
    dnr: (failure & 0x800) !== 0,
    crd: (failure >> 12) & 0x3,
  };
}

/** The code of the error that a failure is for a caller. */
export function failureCode(failure: CommandFailure): SpdkErrorCode {
  if (typeof failure !== 'number') return failure.code;
  if (failure >= hostError) return hostErrors[failure - hostError]?.code ?? 'ERR_SPDK_IO_FAILED';
  return codesOf.get(failure & 0x7ff) ?? 'ERR_SPDK_IO_FAILED';
}

/** The error that a failure is for a caller. */
export function failureError(what: string, failure: CommandFailure): SpdkError {
  return typeof failure === 'number' ? commandError(what, failure) : failure;
}

/** The error of a command with a status word other than zero. */
function commandError(what: string, word: number): SpdkError {
  const code = failureCode(word);
  const sent = commandStatus(word);
  if (!sent) {
    const errno = word - hostError;
    const why = hostErrors[errno]?.why ?? 'SPDK does not take it';
    return new SpdkError(code, `${what} did not complete: ${why}`, { errno });
  }
  const status = nvmeStatus(sent.sct, sent.sc, sent.dnr, 'nvm', sent.crd);
  const why = (word & 0x7ff) === queueDeleted ? `${status.name}: ${unknownEnd}` : status.name;
  return new SpdkError(code, `${what} failed: ${why}`, { nvmeStatus: status });
}

/** The error that a status word stands for; undefined for success. */
export function errorOfStatus(word: number): SpdkError | undefined {
  return word === 0 ? undefined : commandError('The command', word);
}
