/** A read or a write that is under way. */
interface Access {
  readonly block: number;
  readonly blocks: number;
}

export interface ReadAccess extends Access {
  /** For each block what it may turn out to hold. */
  readonly allowed: Set<number>[];
}

export interface WriteAccess extends Access {
  readonly stamp: number;
  /** Another write of a block was under way at some time during this one. */
  readonly shared: boolean[];
}

/**
 * What each block of a disk may hold, as a stamp of 32 bits that fills it. A write that was given up may still
 * arrive at any time; one that succeeded alone has replaced what was there.
 */
export class DiskModel {
  readonly #number: number;
  readonly #possible: Set<number>[];
  readonly #reads = new Set<ReadAccess>();
  readonly #writes = new Set<WriteAccess>();
  /** By block: stamps of writes that ended without success, and may arrive yet. */
  readonly #floating: Set<number>[];
  #last = 0;

  /** @param number distinguishes the stamps of disks */
  constructor(number: number, blocks: number) {
    this.#number = number;
    this.#possible = Array.from({ length: blocks }, () => new Set([this.initial]));
    this.#floating = Array.from({ length: blocks }, () => new Set());
  }

  /** The content of every block at the start. */
  get initial(): number {
    return this.#number * 0x100_0000 + 0xff_ffff;
  }

  beginWrite(block: number, blocks: number, stamp = this.#number * 0x100_0000 + ++this.#last): WriteAccess {
    const write: WriteAccess = { block, blocks, stamp, shared: new Array<boolean>(blocks).fill(false) };
    for (const other of this.#writes) {
      for (let at = block; at < block + blocks; at++) {
        if (at < other.block || at >= other.block + other.blocks) continue;
        other.shared[at - other.block] = true;
        write.shared[at - block] = true;
      }
    }
    this.#writes.add(write);
    for (let at = block; at < block + blocks; at++) this.#may(at, stamp);
    return write;
  }

  endWrite(write: WriteAccess, success: boolean): void {
    this.#writes.delete(write);
    for (let at = write.block; at < write.block + write.blocks; at++) {
      if (!success) this.#floating[at]?.add(write.stamp);
      else if (!write.shared[at - write.block]) {
        this.#possible[at] = new Set([write.stamp, ...(this.#floating[at] ?? [])]);
      }
    }
  }

  beginRead(block: number, blocks: number): ReadAccess {
    const allowed = Array.from({ length: blocks }, (_, i) => new Set(this.#possible[block + i]));
    const read: ReadAccess = { block, blocks, allowed };
    this.#reads.add(read);
    return read;
  }

  /** What is wrong with data that was read; undefined if the disk may hold it. */
  endRead(read: ReadAccess, data: Uint8Array | undefined): string | undefined {
    this.#reads.delete(read);
    if (!data) return undefined;
    const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    const perBlock = bytes.length / read.blocks;
    for (let i = 0; i < read.blocks; i++) {
      const block = bytes.subarray(i * perBlock, (i + 1) * perBlock);
      const stamp = block.readUInt32LE();
      // Each word is the same as the one before it.
      if (!block.subarray(4).equals(block.subarray(0, -4))) return `block ${read.block + i} was torn`;
      if (!read.allowed[i]?.has(stamp)) return `block ${read.block + i} read as ${stamp.toString(16)}`;
    }
    return undefined;
  }

  #may(block: number, stamp: number): void {
    this.#possible[block]?.add(stamp);
    for (const read of this.#reads) {
      if (block >= read.block && block < read.block + read.blocks)
        read.allowed[block - read.block]?.add(stamp);
    }
  }
}

/** Bytes that hold nothing but a stamp. */
export function stamped(stamp: number, bytes: number): Buffer {
  const words = new Uint32Array(bytes / 4).fill(stamp);
  return Buffer.from(words.buffer);
}
