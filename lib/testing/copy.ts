// The Copy command of a namespace in memory.

import { copyRangeBytes } from '../io/copy.js';
import type { RingCommand } from './command.js';
import type { MemoryNamespace } from './namespace.js';

const invalidField = 0x02;
const outOfRange = 0x80;
const sizeLimitExceeded = 0x183;
const unrecoveredRead = 0x281;
const twoTo32 = 2 ** 32;

/** Carries it out; its status. @param part the memory with the list of source ranges */
export function copyBlocks(
  namespace: MemoryNamespace,
  { dwords }: RingCommand,
  part: Uint8Array | undefined,
): number {
  const [low = 0, high = 0, cdw12 = 0] = dwords;
  const count = (cdw12 & 0xff) + 1;
  const list = Buffer.from(part ?? []);
  const format = (cdw12 >>> 8) & 15;
  if (format !== 0 || list.length !== count * copyRangeBytes) return invalidField;
  const sources = Array.from({ length: count }, (_, i) => ({
    first: Number(list.readBigUInt64LE(i * copyRangeBytes + 8)),
    blocks: list.readUInt16LE(i * copyRangeBytes + 16) + 1,
  }));
  const total = sources.reduce((sum, source) => sum + source.blocks, 0);
  const limits = namespace.copyLimits;
  const tooLong = sources.some((source) => source.blocks > limits.rangeBlocks);
  if (count > limits.ranges || tooLong || total > limits.blocks) return sizeLimitExceeded;
  const to = high * twoTo32 + low;
  const ends = [...sources.map((source) => source.first + source.blocks), to + total];
  if (ends.some((end) => end > namespace.blocks)) return outOfRange;
  const numbers = sources.flatMap(({ first, blocks }) => Array.from({ length: blocks }, (_, i) => first + i));
  if (numbers.some((block) => namespace.unreadable.has(block))) return unrecoveredRead;
  const rejected = namespace.zones?.write(to, total) ?? 0;
  if (rejected !== 0) return rejected;
  move(namespace.data, namespace.blockSize, numbers, to);
  move(namespace.metadata, namespace.metadataSize, numbers, to);
  for (let i = 0; i < total; i++) namespace.unreadable.delete(to + i);
  return 0;
}

/** Copies blocks. All are read before any is written, since ranges may overlap. */
function move(bytes: Uint8Array, size: number, from: readonly number[], to: number): void {
  bytes.set(Buffer.concat(from.map((block) => bytes.subarray(block * size, (block + 1) * size))), to * size);
}
