// The arguments of admin commands.

import { types } from 'node:util';
import { SpdkError, SpdkTypeError } from '../errors/spdk-error.js';
import { eventLoop } from '../internal/event-loop.js';
import { checkInteger, readOptions } from './arguments.js';
import { plainBytesOf } from './buffers.js';
import { checkSignal, conflict, maxTimerMs, or, timeoutUntil } from './common.js';
import { checkDwords } from './dwords.js';

/** An admin command as the NVMe base specification defines it. */
export interface AdminCommand {
  readonly opcode: number;
  /** Namespace id; default 0, 0xffffffff means all. */
  readonly nsid?: number | undefined;
  /** CDW10 to CDW15; missing ones are 0. */
  readonly cdw?: readonly number[] | undefined;
  /** Data to send, for opcodes whose lowest two bits are 01. */
  readonly data?: Uint8Array | undefined;
  /** Bytes to receive, for opcodes whose lowest two bits are 10. */
  readonly dataLength?: number | undefined;
}

/** The limits of an admin command. */
export interface AdminOptions {
  /** The time limit of the whole call in milliseconds, 1 to 2147483647. Default 5000. */
  readonly timeoutMs?: number | undefined;
  /** Cancels the call when it fires: what has not been sent by then is not sent. Neither is it once the time is over. */
  readonly signal?: AbortSignal | undefined;
}

/** An {@link AdminCommand} that has been checked. */
export interface CheckedCommand {
  readonly opcode: number;
  readonly nsid: number;
  /** CDW10 to CDW15. */
  readonly cdw: readonly number[];
  /** The data to send, or memory for the data to receive. */
  readonly data: Uint8Array;
}

/** {@link AdminOptions} with the defaults. */
export interface AdminLimits {
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  /** The start of the time limit, as of `performance.now()`. */
  readonly since: number;
}

/** The maximum transfer of an admin command with any controller (native/binding/controller_wrap.cc). */
export const maxAdminBytes = 1_048_576;

/**
 * Checks a command before it is sent.
 * @throws {SpdkTypeError}
 * @throws {SpdkError} ERR_SPDK_INVALID_ARG_VALUE, ERR_SPDK_UNKNOWN_OPTION; ERR_SPDK_CONFLICTING_OPTIONS for data in
 *   another direction than that of the opcode; ERR_SPDK_UNSUPPORTED for data in both directions
 */
export function checkCommand(command: unknown): CheckedCommand {
  const given = readOptions(command, 'admin command', ['opcode', 'nsid', 'cdw', 'data', 'dataLength']);
  const opcode = checkInteger(given.get('opcode'), 'opcode', 0, 0xff);
  const nsid = checkInteger(or(given.get('nsid'), 0), 'nsid', 0, 0xffff_ffff);
  const cdw = checkDwords(given.get('cdw'));
  if (given.has('data') && given.has('dataLength')) {
    conflict('Pass data to send or dataLength to receive, not both');
  }
  const dataLength = checkInteger(or(given.get('dataLength'), 0), 'dataLength', 0, maxAdminBytes, 'bytes');
  const data = or(given.get('data'), new Uint8Array(dataLength));
  if (!types.isUint8Array(data)) throw new SpdkTypeError('data must be a Uint8Array');
  // A detached one must not be sent as if there were no data.
  const { length } = plainBytesOf(data, 'data');
  checkInteger(length, 'the length of data', 0, maxAdminBytes, 'bytes');
  if (length > 0) checkDirection(opcode, given.has('data'));
  return { opcode, nsid, cdw, data };
}

/** @throws {SpdkTypeError} @throws {SpdkError} ERR_SPDK_INVALID_ARG_VALUE or ERR_SPDK_UNKNOWN_OPTION */
export function checkLimits(options: unknown): AdminLimits {
  return limitsOf(readOptions(options, 'admin options', ['timeoutMs', 'signal']));
}

/** Checks the limits in options that are already read. */
export function limitsOf(given: ReadonlyMap<string, unknown>): AdminLimits {
  const signal = given.get('signal');
  return {
    timeoutMs: checkInteger(or(given.get('timeoutMs'), 5_000), 'timeoutMs', 1, maxTimerMs, 'milliseconds'),
    signal: signal === undefined ? undefined : checkSignal(signal),
    since: eventLoop.now(),
  };
}

/** The limits of the next command: all commands of a call have one time limit. */
export function rest({ timeoutMs, signal, since }: AdminLimits): AdminOptions {
  return { timeoutMs: timeoutUntil(since + timeoutMs), signal };
}

/** The lowest two bits of an opcode are the direction of its data. */
function checkDirection(opcode: number, sends: boolean): void {
  const name = `Opcode ${opcode}`;
  switch (opcode & 3) {
    case 0:
      conflict(`${name} transfers no data: omit data and dataLength`);
      break;
    case 1:
      if (!sends) conflict(`${name} sends data to the controller: pass data, not dataLength`);
      return;
    case 2:
      if (sends) conflict(`${name} receives data from the controller: pass dataLength, not data`);
      return;
    default:
      throw new SpdkError(
        'ERR_SPDK_UNSUPPORTED',
        `${name} transfers data in both directions, which this package does not support: omit data and dataLength`,
      );
  }
}
