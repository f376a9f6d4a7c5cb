// The commands of a batch as objects with names, and their completions.

import { errorOfStatus } from '../errors/command-status.js';
import type { SpdkError } from '../errors/spdk-error.js';
import { checkInteger, readOptions } from '../options/arguments.js';
import { bytesOf, invalidBuffer } from '../options/buffers.js';
import { or } from '../options/common.js';
import type { DmaBuffer } from './dma-memory.js';
import { type DataOptions, dataFlagKeys, readDataFlags } from './operation-options.js';

/** A command of a batch without data. */
export interface BatchCommand<Namespace> {
  /** One of the controller of the queue pair. */
  readonly namespace: Namespace;
  /** A whole number from 0 to 4294967295 that the completion returns. Default 0. */
  readonly tag?: number | undefined;
}

/** A read or a write of a batch. */
export interface BatchTransfer<Namespace>
  extends BatchCommand<Namespace>,
    Pick<DataOptions, 'fua' | 'limitedRetry'> {
  /** Memory of `env.allocate()`. */
  readonly buffer: DmaBuffer;
  /** Where in the buffer, in bytes. Default 0. */
  readonly bufferOffset?: number | undefined;
  /** Where in the namespace, in bytes; a multiple of the block size. */
  readonly offset: number;
  /** How much, in bytes; a multiple of the block size. Default: the rest of the buffer. */
  readonly length?: number | undefined;
}

/** A command of a batch that has completed. */
export interface BatchCompletion {
  readonly tag: number;
  /** Why it failed, with the controller's status in `nvmeStatus`; undefined if it succeeded. */
  readonly error: SpdkError | undefined;
}

/** @throws {SpdkTypeError} @throws {SpdkError} ERR_SPDK_UNKNOWN_OPTION */
export function readBatchCommand(command: unknown): { namespace: unknown; tag: number } {
  const given = readOptions(command, 'batch command', ['namespace', 'tag']);
  return { namespace: given.get('namespace'), tag: or(given.get('tag'), 0) as number };
}

/**
 * The arguments of the positional form, with the defaults filled in. Their values are checked with that form.
 * @throws {SpdkTypeError}
 * @throws {SpdkError} ERR_SPDK_UNKNOWN_OPTION, ERR_SPDK_INVALID_ARG_VALUE, ERR_SPDK_INVALID_BUFFER
 */
export function readBatchTransfer(command: unknown) {
  const keys = ['namespace', 'buffer', 'bufferOffset', 'offset', 'length', 'tag', ...dataFlagKeys] as const;
  const given = readOptions(command, 'batch command', keys);
  const buffer = given.get('buffer') as DmaBuffer;
  const bufferOffset = checkInteger(
    or(given.get('bufferOffset'), 0),
    'bufferOffset',
    0,
    Number.MAX_SAFE_INTEGER,
    'bytes',
  );
  const rest = ArrayBuffer.isView(buffer) ? bytesOf(buffer, 'buffer').length - bufferOffset : 0;
  if (rest <= 0)
    throw invalidBuffer('buffer is not DMA memory, has been released, or ends before bufferOffset');
  return {
    namespace: given.get('namespace'),
    buffer,
    bufferOffset,
    offset: given.get('offset') as number,
    length: or(given.get('length'), rest) as number,
    tag: or(given.get('tag'), 0) as number,
    flags: readDataFlags(given),
  };
}

/** A completion as a loop gives it. */
export function completionOf(tag: number, status: number): BatchCompletion {
  return { tag, error: errorOfStatus(status) };
}

/**
 * The error that a status of a {@link Batch} stands for; undefined for success.
 * @param status an entry of `batch.statuses`
 * @throws {SpdkTypeError} @throws {SpdkError} ERR_SPDK_INVALID_ARG_VALUE
 */
export function statusError(status: number): SpdkError | undefined {
  return errorOfStatus(checkInteger(status, 'status', 0, 0xffff_ffff));
}
