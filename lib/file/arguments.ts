// The arguments of a file's methods, in the forms that FileHandle of node:fs/promises takes.

import { SpdkError } from '../errors/spdk-error.js';
import { checkInteger, checkString, describe, reading, readOptions } from '../options/arguments.js';
import { plainBytesOf } from '../options/buffers.js';
import { checkSignal, optional, or } from '../options/common.js';

/** The part of a buffer, and the position in the file. */
export interface PartOptions {
  /** The offset in the buffer in bytes. Default 0. */
  readonly offset?: number | null | undefined;
  /** The length in bytes. Default: the rest of the buffer. */
  readonly length?: number | null | undefined;
  /** The position in the file in bytes; null, the default, for the position of the file, which then moves. */
  readonly position?: number | bigint | null | undefined;
}

/** The options of `file.read`. */
export interface FileReadOptions<Target extends NodeJS.ArrayBufferView = Buffer> extends PartOptions {
  /** Default: a new Buffer of 16384 bytes. */
  readonly buffer?: Target | undefined;
}

/** The options of `file.readFile` and `file.writeFile`. */
export interface WholeFileOptions {
  /** Of the text; null, the default of `readFile`, for bytes. Default of `writeFile`: `utf8`. */
  readonly encoding?: BufferEncoding | null | undefined;
  /** Rejects with ERR_SPDK_ABORTED when it fires. */
  readonly signal?: AbortSignal | undefined;
}

/** A part of a buffer, and its position in the file. */
export interface Part {
  readonly view: NodeJS.ArrayBufferView;
  readonly bytes: Uint8Array;
  /** Null: the position of the file. */
  readonly position: number | null;
}

const defaultReadBytes = 16_384;
const partKeys = ['offset', 'length', 'position'] as const;

/** `(buffer, offset, length, position)`, `(buffer, options)` or `(options)`. */
export function readPart(first: unknown, second: unknown, length: unknown, position: unknown): Part {
  if (ArrayBuffer.isView(first)) return partOf(first, second, length, position);
  const given = readOptions(first, 'read options', ['buffer', ...partKeys]);
  const buffer = or(given.get('buffer'), Buffer.alloc(defaultReadBytes));
  return fromMap(buffer, given);
}

/** `(buffer, offset, length, position)`, `(buffer, options)` or `(string, position, encoding)`. */
export function writePart(first: unknown, second: unknown, third: unknown, position: unknown): Part {
  if (typeof first !== 'string') return partOf(first, second, third, position);
  const encoding = checkEncoding(third) ?? 'utf8';
  const bytes = Buffer.from(first, encoding);
  return { view: bytes, bytes, position: checkPosition(second) };
}

function partOf(buffer: unknown, second: unknown, length: unknown, position: unknown): Part {
  if (typeof second !== 'object' || second === null) return checked(buffer, second, length, position);
  return fromMap(buffer, readOptions(second, 'options', partKeys));
}

function fromMap(buffer: unknown, given: ReadonlyMap<(typeof partKeys)[number] | 'buffer', unknown>): Part {
  return checked(buffer, given.get('offset'), given.get('length'), given.get('position'));
}

function checked(view: unknown, offset: unknown, length: unknown, position: unknown): Part {
  const at = checkPosition(position);
  const all = plainBytesOf(view, 'buffer');
  const from = checkInteger(offset ?? 0, 'offset', 0, all.byteLength, 'bytes');
  const max = all.byteLength - from;
  const bytes = all.subarray(from, from + checkInteger(length ?? max, 'length', 0, max, 'bytes'));
  return { view: view as NodeJS.ArrayBufferView, bytes, position: at };
}

/** An encoding, or an object with one. */
export function readWholeFileOptions(
  options: unknown,
  what: string,
): { encoding: BufferEncoding | undefined; signal: AbortSignal | undefined } {
  const given =
    typeof options === 'string' || options === null
      ? new Map([['encoding' as const, options]])
      : readOptions(options, what, ['encoding', 'signal']);
  return {
    encoding: checkEncoding(given.get('encoding')),
    signal: optional(given.get('signal'), checkSignal),
  };
}

/** Data in one piece, or in several that an iterable gives one after the other. */
export type FileData = string | NodeJS.ArrayBufferView;

export function isPieces(data: unknown): data is AsyncIterable<FileData> | Iterable<FileData> {
  if (typeof data !== 'object' || data === null || ArrayBuffer.isView(data)) return false;
  return reading('the data', () => Symbol.asyncIterator in data || Symbol.iterator in data);
}

/** The bytes of a text or a buffer. */
export function bytesOfData(data: unknown, encoding: BufferEncoding | undefined): Uint8Array {
  return typeof data === 'string' ? Buffer.from(data, encoding) : plainBytesOf(data, 'data');
}

/** A position in the file; null, undefined and -1 mean that of the file. */
export function checkPosition(value: unknown): number | null {
  if (value === null || value === undefined || value === -1 || value === -1n) return null;
  if (typeof value !== 'bigint') return checkInteger(value, 'position', 0, Number.MAX_SAFE_INTEGER, 'bytes');
  if (value >= 0n && value <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(value);
  const range = `from 0 to ${Number.MAX_SAFE_INTEGER}`;
  throw new SpdkError('ERR_SPDK_INVALID_ARG_VALUE', `position must be ${range}; got ${value}`);
}

/** Checks that an encoding is one of Node.js's, in its small letters or others; undefined for none. */
export function checkEncoding(value: unknown): BufferEncoding | undefined {
  if (value === undefined || value === null) return undefined;
  const name = checkString(value, 'encoding').toLowerCase();
  if (Buffer.isEncoding(name)) return name;
  throw new SpdkError(
    'ERR_SPDK_INVALID_ARG_VALUE',
    `encoding must be one that Node.js knows, such as 'utf8'; got ${describe(value)}`,
  );
}
