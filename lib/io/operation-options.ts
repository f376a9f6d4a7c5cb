// The options of operations on a namespace: their types, and reading them.

import { eventLoop } from '../internal/event-loop.js';
import { checkBoolean, checkInteger, readOptions } from '../options/arguments.js';
import {
  checkOnTimeout,
  checkSignal,
  checkTimeout,
  maxTimerMs,
  optional,
  or,
  timeoutUntil,
} from '../options/common.js';
import type { GivenMetadata, ProtectionOptions } from './metadata-options.js';
import type { OnTimeout, RequestLimits } from './request.js';
import type { IoLimits } from './submission-queue.js';

// `queuePair` is added to it in lib/queue-pair.ts.
/** Options of every operation. */
export interface OperationOptions {
  /**
   * Rejects with ERR_SPDK_TIMEOUT after this many milliseconds. Default: `ioTimeoutMs` of the attach, if it
   * has one, otherwise no limit.
   */
  readonly timeoutMs?: number | undefined;
  /** Rejects with ERR_SPDK_ABORTED when it fires. */
  readonly signal?: AbortSignal | undefined;
  /**
   * What is done about the command when the time is over or the signal fires. `none`: nothing; the controller may carry out a write
   * later and overwrite newer data. `abort`: the controller is asked to abort the command (NVMe Abort). `reset`: the controller is
   * reset. With `abort` and `reset` the operation rejects when its commands have ended, at the latest a second after its limit, and
   * `error.outcome` says whether it was carried out. Default: `onTimeout` of the attach.
   */
  readonly onTimeout?: OnTimeout | undefined;
}

/** Options of operations at an offset of a namespace. */
export interface TransferOptions extends OperationOptions {
  /** The offset in bytes; a multiple of the block size. */
  readonly offset: number;
}

/** How the controller handles the data of a command. */
export interface DataFlags {
  /**
   * Force Unit Access: what is written is durable when the command completes, without a flush; a read comes from the medium and
   * not from a cache. Default false.
   */
  readonly fua?: boolean | undefined;
  /** The controller retries less often after media errors. Default false. */
  readonly limitedRetry?: boolean | undefined;
}

/** Options of reads, writes and compares. */
export interface DataOptions extends TransferOptions, DataFlags {
  /**
   * The metadata of the blocks, `metadataSize` bytes for each, to write or to be filled. `interleaved`: it is in the buffer, after the
   * data of each block. Not for compares.
   */
  readonly metadata?: NodeJS.ArrayBufferView | 'interleaved' | undefined;
  /** How protection information is made and checked, for namespaces that have it. Not for compares. */
  readonly protection?: ProtectionOptions | undefined;
}

/** Options of `copy`. */
export interface CopyOptions extends TransferOptions, DataFlags {}

/** Options of operations on a range without data. */
export interface RangeOptions extends TransferOptions {
  /** The length in bytes; a multiple of the block size. */
  readonly length: number;
}

/** Any command for an I/O queue. */
export interface RawIoCommand {
  readonly opcode: number;
  /** CDW10 to CDW15; missing ones are 0. */
  readonly cdw?: readonly number[] | undefined;
  /**
   * Data to send, or memory for the data to receive, by the lowest two bits of the opcode; none if both are zero. With both bits
   * set the data is sent, and the received data replaces it.
   */
  readonly data?: NodeJS.ArrayBufferView | undefined;
}

/** Gives the limits of an operation that has none of its own. */
export interface LimitsChooser<Limits extends RequestLimits> {
  /**
   * The limits of operations on the chosen queue pair, or on the least busy one.
   * @throws {SpdkTypeError} not a queue pair
   * @throws {SpdkError} ERR_SPDK_FOREIGN_QUEUE_PAIR
   */
  limitsFor(queuePair: unknown): Limits;
}

/** Chooses the queue of an operation: a controller. */
export type QueueChooser = LimitsChooser<IoLimits>;

export const limitKeys = ['queuePair', 'timeoutMs', 'signal', 'onTimeout'] as const;

/** Reads the options of an operation without an offset. */
export function readLimits<Limits extends RequestLimits>(
  options: unknown,
  what: string,
  controller: LimitsChooser<Limits>,
): Limits {
  return limitsOf(readOptions(options, what, limitKeys), controller);
}

/** What readSimple() has read. */
const simple: { offset: number; queuePair: unknown } = { offset: 0, queuePair: undefined };

const inherited = Object.prototype as { readonly offset?: unknown; readonly queuePair?: unknown };

/** The keys that {@link readDataFlags} reads. */
export const dataFlagKeys = ['fua', 'limitedRetry'] as const;

/** The options of an operation on blocks beside its limits. */
export interface TransferFields {
  offset: number;
  flags: number;
  given: GivenMetadata;
}

/** The metadata of options that have none. */
export const nothing: GivenMetadata = { metadata: undefined, protection: undefined };

const transferKeys = ['offset', ...dataFlagKeys, 'metadata', 'protection', ...limitKeys] as const;

/** Bits of CDW12 (NVM command set specification). */
const forceUnitAccess = 2 ** 30;
const limitedRetry = 2 ** 31;

/** Reads the options of a transfer; the offset and the flags go to `fields`, so that the fast path allocates nothing. */
export function readTransfer<Limits extends RequestLimits>(
  options: unknown,
  fields: TransferFields,
  controller: LimitsChooser<Limits>,
): Limits {
  if (readSimple(options)) {
    const { offset, queuePair } = simple;
    simple.queuePair = undefined;
    const limits = controller.limitsFor(queuePair);
    fields.offset = offset;
    fields.flags = 0;
    fields.given = nothing;
    return limits;
  }
  const given = readOptions(options, 'options', transferKeys);
  const flags = readDataFlags(given);
  const offset = checkInteger(given.get('offset'), 'offset', 0, Number.MAX_SAFE_INTEGER, 'bytes');
  const limits = limitsOf(given, controller);
  // Last, because getters of the options may have started other operations.
  fields.offset = offset;
  fields.flags = flags;
  fields.given = { metadata: given.get('metadata'), protection: given.get('protection') };
  return limits;
}

/** The flags of a command as CDW12 has them. */
export function readDataFlags(given: ReadonlyMap<string, unknown>): number {
  return flag(given, 'fua', forceUnitAccess) + flag(given, 'limitedRetry', limitedRetry);
}

function flag(given: ReadonlyMap<string, unknown>, name: string, bit: number): number {
  return checkBoolean(or(given.get(name), false), name) ? bit : 0;
}

/** Reads the options of an operation on a range. */
export function readRange<Limits extends RequestLimits>(
  options: unknown,
  controller: LimitsChooser<Limits>,
): { offset: number; length: number; limits: Limits } {
  const given = readOptions(options, 'options', ['offset', 'length', ...limitKeys]);
  return {
    offset: checkInteger(given.get('offset'), 'offset', 0, Number.MAX_SAFE_INTEGER, 'bytes'),
    length: checkInteger(given.get('length'), 'length', 1, Number.MAX_SAFE_INTEGER, 'bytes'),
    limits: limitsOf(given, controller),
  };
}

/** Returns the other options of a command that sends another command, which checks them. */
export function restOf(given: ReadonlyMap<string, unknown>): OperationOptions {
  return Object.fromEntries(limitKeys.filter((key) => given.has(key)).map((key) => [key, given.get(key)]));
}

/** The limits of each command of a call: its time limit is that of all of them. */
export function limitsOfCall(given: ReadonlyMap<string, unknown>): () => OperationOptions {
  const { timeoutMs: _, ...others } = restOf(given);
  const timeoutMs = optional(given.get('timeoutMs'), checkTimeout);
  if (timeoutMs === undefined) return () => others;
  const end = eventLoop.now() + timeoutMs;
  return () => ({ ...others, timeoutMs: timeoutUntil(end) });
}

/** Reads the options of a copy. */
export function readCopy<Limits extends RequestLimits>(
  options: unknown,
  controller: LimitsChooser<Limits>,
): { offset: number; flags: number; limits: Limits } {
  const given = readOptions(options, 'options', ['offset', ...dataFlagKeys, ...limitKeys]);
  return {
    offset: checkInteger(given.get('offset'), 'offset', 0, Number.MAX_SAFE_INTEGER, 'bytes'),
    flags: readDataFlags(given),
    limits: limitsOf(given, controller),
  };
}

/** The limits among options that have been read. */
export function limitsOf<Limits extends RequestLimits>(
  given: ReadonlyMap<string, unknown>,
  controller: LimitsChooser<Limits>,
): Limits {
  const chosen = given.get('queuePair');
  const timeout = given.get('timeoutMs');
  const signal = given.get('signal');
  const onTimeout = given.get('onTimeout');
  const limits = controller.limitsFor(chosen);
  return {
    ...limits,
    signal: signal === undefined ? undefined : checkSignal(signal),
    timeoutMs:
      timeout === undefined
        ? limits.timeoutMs
        : checkInteger(timeout, 'timeoutMs', 1, maxTimerMs, 'milliseconds'),
    onTimeout: onTimeout === undefined ? limits.onTimeout : checkOnTimeout(onTimeout),
  };
}

/**
 * Reads options with no other keys than an offset and a queue pair, the most frequent case, without creating a list of keys.
 * False for all other options, which readOptions() reads or rejects.
 */
function readSimple(options: unknown): boolean {
  try {
    if (typeof options !== 'object' || options === null) return false;
    // biome-ignore lint/suspicious/noProto: V8 inlines this, and not Object.getPrototypeOf(). It lies for odd objects only.
    if ((options as { __proto__?: unknown }).__proto__ !== Object.prototype) return false;
    for (const key in options) if (key !== 'offset' && key !== 'queuePair') return false;
    // Keys that were added to Object.prototype are none of the options. Unlike Object.hasOwn() this costs nothing.
    if (inherited.offset !== undefined || inherited.queuePair !== undefined) return false;
    const { offset, queuePair } = options as { offset: unknown; queuePair?: unknown };
    if (!Number.isSafeInteger(offset) || (offset as number) < 0) return false;
    simple.offset = offset as number;
    simple.queuePair = queuePair;
    return true;
  } catch {
    return false;
  }
}
