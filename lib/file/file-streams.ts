// The options of a file's streams, as createReadStream and createWriteStream of node:fs have them.

import type { OperationOptions } from '../io/operation-options.js';
import type { NamespaceOperations } from '../multipath/namespace-operations.js';
import { checkBoolean, checkInteger, readOptions } from '../options/arguments.js';
import { conflict, optional, or } from '../options/common.js';
import { type StreamPlan, streamPlan } from '../streams/stream-options.js';
import { checkEncoding } from './arguments.js';

/** Options of `file.createReadStream`; all keys are optional. A string is the `encoding`. */
export interface FileReadStreamOptions {
  /** Returns strings instead of Buffers. */
  readonly encoding?: BufferEncoding | null | undefined;
  /** Closes the file with the stream, once no other stream of the file is open. Default true, as in node:fs. */
  readonly autoClose?: boolean | undefined;
  /** The first byte. Default: the position of the file. */
  readonly start?: number | undefined;
  /** The last byte, inclusive as in node:fs. Default: the last one of the namespace, as with Infinity. */
  readonly end?: number | undefined;
  /** Bytes of each operation, rounded up to whole blocks. Default 1 MiB. */
  readonly highWaterMark?: number | undefined;
  /** As for `namespace.createReadStream`. With an `encoding` the strings are the consumer's in any case. */
  readonly reuseAfterChunks?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Options of `file.createWriteStream`; all keys are optional. A string is the `encoding`. */
export interface FileWriteStreamOptions {
  /** The encoding of strings that are written. Default `utf8`. */
  readonly encoding?: BufferEncoding | null | undefined;
  /** Closes the file with the stream, once no other stream of the file is open. Default true, as in node:fs. */
  readonly autoClose?: boolean | undefined;
  /** The first byte. Default: where the file's position is. */
  readonly start?: number | undefined;
  /** Bytes of each operation, rounded up to whole blocks. Default 1 MiB. */
  readonly highWaterMark?: number | undefined;
  /** Flushes before `finish`. Default false. */
  readonly flush?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface FileStreamPlan extends StreamPlan {
  readonly encoding: BufferEncoding | undefined;
  readonly autoClose: boolean;
}

const common = ['encoding', 'autoClose', 'start', 'highWaterMark', 'signal'] as const;

/** @param position where a stream without a `start` begins; @param file what every operation of the file gets */
export function fileStreamPlan(
  options: unknown,
  direction: 'read' | 'write',
  namespace: NamespaceOperations,
  position: number,
  { signal, ...each }: OperationOptions,
): FileStreamPlan {
  const named = typeof options === 'string' ? { encoding: options } : options;
  const reads = direction === 'read';
  const given = readOptions(named, `${direction} stream options`, [
    ...common,
    ...(reads ? (['end', 'reuseAfterChunks'] as const) : (['flush'] as const)),
  ]);
  const { bytes, blockSize } = namespace;
  const bound = (name: 'start' | 'end') =>
    optional(given.get(name), (value) => checkInteger(value, name, 0, Number.MAX_SAFE_INTEGER, 'bytes'));
  const start = bound('start');
  const end = given.get('end') === Number.POSITIVE_INFINITY ? undefined : bound('end');
  if (start !== undefined && end !== undefined && start > end) {
    conflict(`start (${start}) must not be above end (${end})`);
  }
  // As with a file: what lies past the end is not there to be read, and has no room to be written.
  const endBytes = Math.min(end === undefined ? bytes : end + 1, bytes);
  const startBytes = Math.min(start ?? position, endBytes);
  const mark = given.get('highWaterMark');
  const plan = streamPlan(
    {
      startBytes,
      endBytes,
      chunkBytes: mark === undefined ? undefined : wholeBlocks(mark, blockSize),
      signal: given.get('signal'),
      ...(reads ? { reuseAfterChunks: given.get('reuseAfterChunks') } : { flush: given.get('flush') }),
    },
    namespace,
    `${direction} stream`,
    () => {},
  );
  return {
    ...plan,
    each,
    signals: signal ? [...plan.signals, signal] : plan.signals,
    encoding: checkEncoding(given.get('encoding')),
    autoClose: checkBoolean(or(given.get('autoClose'), true), 'autoClose'),
  };
}

function wholeBlocks(value: unknown, blockSize: number): number {
  const bytes = checkInteger(value, 'highWaterMark', 1, 64 << 20, 'bytes');
  return Math.ceil(bytes / blockSize) * blockSize;
}
