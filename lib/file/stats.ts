// The result of `file.stat()`: the part of fs.Stats that a namespace has.

import type { NamespaceInfo } from '../types.js';

/** Like `fs.Stats` of a block device, without owners, modes and times. */
export class FileStats {
  /** The size in bytes. */
  readonly size: number;
  /** The block size, to which reads and writes should be aligned. */
  readonly blksize: number;
  /** The size in units of 512 bytes, as everywhere in node:fs. */
  readonly blocks: number;

  /** @internal */
  constructor({ blocks, blockSize }: NamespaceInfo) {
    this.size = blocks * blockSize;
    this.blksize = blockSize;
    this.blocks = this.size / 512;
  }

  isBlockDevice(): boolean {
    return true;
  }
  isFile(): boolean {
    return false;
  }
  isDirectory(): boolean {
    return false;
  }
  isCharacterDevice(): boolean {
    return false;
  }
  isSymbolicLink(): boolean {
    return false;
  }
  isFIFO(): boolean {
    return false;
  }
  isSocket(): boolean {
    return false;
  }
}
