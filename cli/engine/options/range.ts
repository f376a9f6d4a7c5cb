// The options that say which part of a namespace a verb is about: in bytes, or in blocks as nvme-cli has them.
import type { Command } from 'commander';
import type { Namespace } from 'spdk-nvme';
import { UsageError } from '../process/exit.js';
import { addAlias } from './alias.js';
import { bytes, integer } from './numbers.js';

const max = Number.MAX_SAFE_INTEGER;

export interface RangeOptions {
  readonly offset?: number;
  readonly length?: number;
  readonly startBlock?: number;
  readonly blockCount?: number;
}

/** A part of a namespace in bytes. */
export interface ByteRange {
  readonly offset: number;
  readonly length: number | undefined;
  /** The option that gave the start, and its value, for messages. */
  readonly start: string;
}

/**
 * @param length what the length is, and its default
 * @param short whether `-c` counts blocks, which nvme-cli has for something else in some verbs
 */
export function addRangeOptions(command: Command, length: string, short = true): Command {
  command
    .option('--offset <BYTES>', 'the start in the namespace (default: 0)', bytes(0, max))
    .option('--start-block <N>', 'the same in blocks', integer(0, max))
    .option('-z, --length <BYTES>', `${length}; also --data-size`, bytes(1, max))
    .option(
      `${short ? '-c, ' : ''}--block-count <N>`,
      'the length in blocks minus one, as in nvme-cli',
      integer(0, 0xffff_ffff),
    );
  return addAlias(command, '--data-size <BYTES>', 'length');
}

/** Rejects options that are wrong for any namespace. */
export function checkRangeOptions({ offset, startBlock }: RangeOptions): void {
  if (offset !== undefined && startBlock !== undefined)
    throw new UsageError('Use --offset or --start-block, not both');
}

/** The part that the options name. It is in the namespace, and of whole blocks, before anything of it is transferred. */
export function rangeOf(namespace: Namespace, given: RangeOptions): ByteRange {
  const { blockSize } = namespace;
  const { startBlock, blockCount } = given;
  const offset = startBlock === undefined ? (given.offset ?? 0) : startBlock * blockSize;
  const start = startBlock === undefined ? `--offset ${offset}` : `--start-block ${startBlock}`;
  const counted = blockCount === undefined ? undefined : (blockCount + 1) * blockSize;
  const length = given.length ?? counted;
  if (counted !== undefined && length !== counted)
    throw new UsageError(
      `--length ${length} contradicts --block-count ${blockCount}, which is ${counted} bytes`,
    );
  const range = { offset, length, start };
  checkRange(namespace, range, counted === undefined ? `--length ${length}` : `--block-count ${blockCount}`);
  return range;
}

/**
 * Rejects a range that is not of whole blocks, or not in the namespace.
 * @param whole what is as long as `length`
 */
export function checkRange(
  { bytes, blockSize }: Namespace,
  { offset, length, start }: ByteRange,
  whole: string,
): void {
  const blocks = `the block size of the namespace, ${blockSize} bytes`;
  if (offset % blockSize !== 0) throw new UsageError(`${start} is not a multiple of ${blocks}`);
  if (length !== undefined && length % blockSize !== 0)
    throw new UsageError(`${whole} is not a multiple of ${blocks}`);
  const end = `past the end of the namespace, which has ${bytes} bytes`;
  if (offset >= bytes) throw new UsageError(`${start} is ${end}`);
  if (length !== undefined && offset + length > bytes)
    throw new UsageError(`${start} and ${whole} reach ${end}`);
}
