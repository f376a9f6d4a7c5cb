// What a controller in memory does with metadata and protection information (NVM command set specification, "End-to-end
// Data Protection").

import { ioOpcodes } from '../native/ring-layout.js';
import type { NamespaceInfo } from '../types.js';
import type { RingCommand } from './command.js';
import { crc16T10Dif } from './crc16.js';
import type { MemoryNamespace } from './namespace.js';

const protectionBytes = 8;
/** CDW12. */
const flags = { act: 1 << 29, guard: 1 << 28, applicationTag: 1 << 27, referenceTag: 1 << 26 };
const failures = { guard: 0x282, applicationTag: 0x283, referenceTag: 0x284 };
const compareFailure = 0x285;

type Shape = Pick<NamespaceInfo, 'blockSize' | 'metadataSize' | 'protection'>;

/** Bytes of each block that a command transfers: `transferred_block_bytes()` of native code. */
export function transferredBlockBytes(shape: Shape, command: RingCommand): number {
  const { blockSize, metadataSize, protection } = shape;
  if (command.parts.length === 0) return blockSize;
  const alone = protection.type !== 0 && acts(command) && metadataSize === protectionBytes;
  return alone ? blockSize : blockSize + metadataSize;
}

/** Carries out a command on blocks with metadata; its status. */
export function executeBlocks(
  namespace: MemoryNamespace,
  command: RingCommand,
  parts: readonly (Uint8Array | undefined)[],
): number {
  const bytes = transferredBlockBytes(namespace.info(), command);
  const memory = Buffer.concat(parts.filter((part) => part !== undefined));
  const has = namespace.protection.type !== 0;
  let status = 0;
  for (let index = 0; index < command.blocks && status === 0; index++) {
    const stored = storedBlock(namespace, command.block + index);
    const block = memory.subarray(index * bytes, (index + 1) * bytes);
    switch (command.operation) {
      case ioOpcodes.write: {
        const fresh = Buffer.concat([block], stored.byteLength);
        if (has && acts(command)) protect(namespace, fresh, command, index);
        else if (has) status = check(namespace, fresh, command, index);
        if (status === 0) storeBlock(namespace, command.block + index, fresh);
        break;
      }
      case ioOpcodes.writeZeroes: {
        const fresh = Buffer.alloc(stored.byteLength);
        if (has && acts(command)) protect(namespace, fresh, command, index);
        storeBlock(namespace, command.block + index, fresh);
        break;
      }
      case ioOpcodes.compare:
        if (!stored.subarray(0, bytes).equals(block)) status = compareFailure;
        break;
      default:
        if (has) status = check(namespace, stored, command, index);
        stored.copy(block);
    }
  }
  if (command.operation === ioOpcodes.read && status === 0) {
    let at = 0;
    for (const part of parts) {
      if (!part) continue;
      part.set(memory.subarray(at, at + part.byteLength));
      at += part.byteLength;
    }
  }
  return status;
}

function acts(command: RingCommand): boolean {
  return (command.flags & flags.act) !== 0;
}

function storedBlock({ data, metadata, blockSize, metadataSize }: MemoryNamespace, index: number): Buffer {
  return Buffer.concat([
    data.subarray(index * blockSize, (index + 1) * blockSize),
    metadata.subarray(index * metadataSize, (index + 1) * metadataSize),
  ]);
}

function storeBlock(
  { data, metadata, blockSize, metadataSize }: MemoryNamespace,
  index: number,
  block: Buffer,
): void {
  data.set(block.subarray(0, blockSize), index * blockSize);
  metadata.set(block.subarray(blockSize), index * metadataSize);
}

function protectionOffset({ blockSize, metadataSize, protection }: MemoryNamespace): number {
  return blockSize + (protection.place === 'first' ? 0 : metadataSize - protectionBytes);
}

function referenceTag({ protection }: MemoryNamespace, command: RingCommand, index: number): number {
  return protection.type === 3 ? command.referenceTag : (command.referenceTag + index) >>> 0;
}

function protect(namespace: MemoryNamespace, block: Buffer, command: RingCommand, index: number): void {
  const at = protectionOffset(namespace);
  block.writeUInt16BE(crc16T10Dif(block.subarray(0, at)), at);
  block.writeUInt16BE(command.applicationTag & 0xffff, at + 2);
  block.writeUInt32BE(referenceTag(namespace, command, index), at + 4);
}

function check(namespace: MemoryNamespace, block: Buffer, command: RingCommand, index: number): number {
  const at = protectionOffset(namespace);
  const [tag, reference] = [block.readUInt16BE(at + 2), block.readUInt32BE(at + 4)];
  if (tag === 0xffff && (namespace.protection.type !== 3 || reference === 0xffff_ffff)) return 0;
  const checks = (flag: number) => (command.flags & flag) !== 0;
  const mask = command.applicationTag >>> 16;
  if (checks(flags.guard) && block.readUInt16BE(at) !== crc16T10Dif(block.subarray(0, at)))
    return failures.guard;
  if (checks(flags.applicationTag) && ((tag ^ command.applicationTag) & mask) !== 0)
    return failures.applicationTag;
  if (checks(flags.referenceTag) && reference !== referenceTag(namespace, command, index))
    return failures.referenceTag;
  return 0;
}
