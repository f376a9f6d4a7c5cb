// The Copy command (NVM command set specification): its source ranges, and their form for the controller.

import { SpdkTypeError } from '../errors/spdk-error.js';
import { blockDwords } from '../nvme/block-dwords.js';
import { checkInteger, listIn, readOptions } from '../options/arguments.js';
import { invalid } from '../options/common.js';
import type { NamespaceInfo } from '../types.js';
import { checkRange } from './namespace-errors.js';
import type { CheckedRawCommand } from './request.js';

/** A range that `copy` reads from, in bytes; multiples of the block size. */
export interface CopyRange {
  readonly offset: number;
  readonly length: number;
}

export const copyOpcode = 0x19;
/** The most source ranges: a field of 8 bits has their number. */
const maxRanges = 256;
/** A source range in descriptor format 0. */
export const copyRangeBytes = 32;

/**
 * The source ranges, read once.
 * @throws {SpdkTypeError} neither a range nor an array of some
 * @throws {SpdkError} ERR_SPDK_INVALID_ARG_VALUE for more than one command takes, ERR_SPDK_UNALIGNED, ERR_SPDK_OUT_OF_RANGE
 */
export function checkSources(
  namespace: NamespaceInfo & { readonly bytes: number },
  value: unknown,
): readonly CopyRange[] {
  const { ranges, rangeBlocks, blocks } = namespace.copyLimits;
  const list = rangesIn(value);
  checkInteger(list.length, 'the number of source ranges', 1, ranges);
  const sources = list.map((range, i) => {
    if (range === undefined) throw new SpdkTypeError('sources must be a range or an array of ranges');
    const given = readOptions(range, `source range ${i}`, ['offset', 'length']);
    const offset = checkInteger(
      given.get('offset'),
      'offset of a source',
      0,
      Number.MAX_SAFE_INTEGER,
      'bytes',
    );
    const length = checkInteger(
      given.get('length'),
      'length of a source',
      1,
      Number.MAX_SAFE_INTEGER,
      'bytes',
    );
    checkRange(namespace, offset, length);
    if (length > rangeBlocks * namespace.blockSize)
      invalid(`A source range of this namespace has at most ${rangeBlocks} blocks (copyLimits.rangeBlocks)`);
    return { offset, length };
  });
  if (totalOf(sources) > blocks * namespace.blockSize)
    invalid(`One copy of this namespace has at most ${blocks} blocks (copyLimits.blocks)`);
  return sources;
}

/** Copies the list, which is read once. */
function rangesIn(value: unknown): readonly unknown[] {
  return listIn(value, 'the source ranges', maxRanges) ?? [value];
}

export function totalOf(sources: readonly CopyRange[]): number {
  return sources.reduce((sum, { length }) => sum + length, 0);
}

/** The list of source ranges as the command sends it. */
export function sourceList(sources: readonly CopyRange[], blockSize: number): Buffer {
  const list = Buffer.alloc(sources.length * copyRangeBytes);
  for (const [i, { offset, length }] of sources.entries()) {
    list.writeBigUInt64LE(BigInt(offset / blockSize), i * copyRangeBytes + 8);
    list.writeUInt16LE(length / blockSize - 1, i * copyRangeBytes + 16);
  }
  return list;
}

/** @param block the first one that is written @param flags of CDW12 */
export function copyCommand(block: number, ranges: number, flags: number): CheckedRawCommand {
  const dwords = [...blockDwords(block), flags + (ranges - 1)];
  return { opcode: copyOpcode, dwords, length: ranges * copyRangeBytes };
}
