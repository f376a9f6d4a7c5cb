// The options of streams over a namespace: their shapes, and how they are checked.

import { SpdkError } from '../errors/spdk-error.js';
import type { OperationOptions } from '../io/operation-options.js';
import { checkBoolean, checkInteger, readOptions } from '../options/arguments.js';
import { checkOnTimeout, checkSignal, checkTimeout, conflict, optional, or } from '../options/common.js';

/** Options of `namespace.chunks`; all keys are optional. `timeoutMs` is the limit of each operation. */
export interface ChunksOptions extends OperationOptions {
  /** The first byte, anywhere in the namespace. Default 0. */
  readonly startBytes?: number | undefined;
  /** The byte after the last one, as in `slice()`. Default: the end of the namespace. */
  readonly endBytes?: number | undefined;
  /** Bytes of each operation, and of a chunk, up to 64 MiB: a multiple of the block size. Default 1 MiB. */
  readonly chunkBytes?: number | undefined;
  /** Outstanding operations, 1 to 64; also the limit of chunks that a stream keeps. Default 4. */
  readonly concurrency?: number | undefined;
}

/** Options of `namespace.createReadStream`; all keys are optional. `timeoutMs` is the limit of each operation. */
export interface ReadStreamOptions extends ChunksOptions {
  /**
   * Has the memory of chunks used again: that of a chunk is read into again when its consumer has got at least this many later chunks, 1 to
   * 1024. The consumer must be done with the chunk by then; the smallest number for which it is gives the fastest stream. Default: each
   * chunk has memory of its own, for as long as it is referenced.
   */
  readonly reuseAfterChunks?: number | undefined;
}

/** Options of `namespace.createWriteStream`; all keys are optional. `timeoutMs` is the limit of each operation. */
export interface WriteStreamOptions extends ChunksOptions {
  /** Flushes the namespace before `finish`, so that the written data is durable. Default false. */
  readonly flush?: boolean | undefined;
}

/** The options of a stream that have been checked, with the defaults filled in. */
export interface StreamPlan {
  readonly start: number;
  /** The byte after the last one. */
  readonly end: number;
  readonly chunkBytes: number;
  readonly concurrency: number;
  readonly flush: boolean;
  /** After how many later chunks the memory of one is used again; undefined: never. */
  readonly reuseAfterChunks: number | undefined;
  /** The options of every operation; the stream handles the signals. */
  readonly each: Pick<OperationOptions, 'queuePair' | 'timeoutMs' | 'onTimeout'>;
  /** Each of them ends the stream. */
  readonly signals: readonly AbortSignal[];
}

const keys = [
  'startBytes',
  'endBytes',
  'chunkBytes',
  'concurrency',
  'queuePair',
  'timeoutMs',
  'signal',
  'onTimeout',
] as const satisfies readonly (keyof ChunksOptions)[];

const streamKeys = {
  chunks: keys,
  'read stream': [...keys, 'reuseAfterChunks'],
  'write stream': [...keys, 'flush'],
} as const;

/** What the options are of. */
export type StreamKind = keyof typeof streamKeys;
type StreamKey = (typeof streamKeys)[StreamKind][number];

const mebibyte = 1 << 20;
const maxChunkBytes = 64 * mebibyte;

/** The default size of an operation. */
function defaultChunkBytes(blockSize: number): number {
  return Math.max(1, Math.floor(mebibyte / blockSize)) * blockSize;
}

/**
 * Checks the options of a stream.
 * @param checkQueuePair throws for a value that is not a queue pair of the namespace's controller
 * @throws {SpdkTypeError}
 * @throws {SpdkError} ERR_SPDK_UNKNOWN_OPTION, ERR_SPDK_INVALID_ARG_VALUE; ERR_SPDK_OUT_OF_RANGE for a position past the
 *   end; ERR_SPDK_CONFLICTING_OPTIONS for an end before the start; ERR_SPDK_UNALIGNED for a chunk that is
 *   not of whole blocks; ERR_SPDK_FOREIGN_QUEUE_PAIR
 */
export function streamPlan(
  options: unknown,
  { bytes, blockSize }: { readonly bytes: number; readonly blockSize: number },
  kind: StreamKind,
  checkQueuePair: (value: unknown) => void,
): StreamPlan {
  const given = readOptions<StreamKey>(options, `${kind} options`, streamKeys[kind]);
  const bound = (name: 'startBytes' | 'endBytes', fallback: number): number => {
    const value = checkInteger(or(given.get(name), fallback), name, 0, Number.MAX_SAFE_INTEGER, 'bytes');
    if (value <= bytes) return value;
    throw new SpdkError(
      'ERR_SPDK_OUT_OF_RANGE',
      `${name} (${value}) is past the end of the namespace, which has ${bytes} bytes`,
    );
  };
  const start = bound('startBytes', 0);
  const end = bound('endBytes', bytes);
  if (start > end) conflict(`startBytes (${start}) must not be above endBytes (${end})`);
  checkQueuePair(given.get('queuePair'));
  return {
    start,
    end,
    chunkBytes: checkChunk(or(given.get('chunkBytes'), defaultChunkBytes(blockSize)), blockSize),
    concurrency: checkInteger(or(given.get('concurrency'), 4), 'concurrency', 1, 64),
    flush: checkBoolean(or(given.get('flush'), false), 'flush'),
    reuseAfterChunks: optional(given.get('reuseAfterChunks'), (value) =>
      checkInteger(value, 'reuseAfterChunks', 1, 1024, 'chunks'),
    ),
    each: {
      queuePair: given.get('queuePair') as OperationOptions['queuePair'],
      timeoutMs: optional(given.get('timeoutMs'), checkTimeout),
      onTimeout: optional(given.get('onTimeout'), checkOnTimeout),
    },
    signals: [optional(given.get('signal'), checkSignal)].filter((signal) => signal !== undefined),
  };
}

function checkChunk(value: unknown, blockSize: number): number {
  const chunk = checkInteger(value, 'chunkBytes', 1, maxChunkBytes, 'bytes');
  if (chunk % blockSize === 0) return chunk;
  throw new SpdkError(
    'ERR_SPDK_UNALIGNED',
    `chunkBytes (${chunk}) must be a multiple of the block size, ${blockSize} bytes`,
  );
}

/** The end of the operation that begins at a position: a block boundary, so that later ones are whole blocks. */
export function partEnd(position: number, { chunkBytes, end }: StreamPlan, blockSize: number): number {
  const whole = Math.floor((position + chunkBytes) / blockSize) * blockSize;
  return Math.min(whole, end);
}
