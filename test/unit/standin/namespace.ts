import type { NativeNamespaceInfo } from '../../../lib/native/contract.js';

let lastTag = 0;

/** How a namespace in memory is made. */
export interface MemoryNamespaceOptions {
  /** Default 8. */
  readonly blocks?: number;
  /** Default 512. */
  readonly blockSize?: number;
  /** Bytes of metadata of a block; default 0. */
  readonly metadataSize?: number;
}

/** A namespace whose data is in a Uint8Array. */
export class MemoryNamespace {
  readonly id: number;
  readonly blockSize: number;
  readonly metadataSize: number;
  /** Each is a disk of its own. */
  readonly tag = ++lastTag;
  data: Uint8Array;

  constructor(id: number, { blocks = 8, blockSize = 512, metadataSize = 0 }: MemoryNamespaceOptions = {}) {
    this.id = id;
    this.blockSize = blockSize;
    this.metadataSize = metadataSize;
    this.data = new Uint8Array(blocks * blockSize);
  }

  get blocks(): number {
    return this.data.byteLength / this.blockSize;
  }

  /** Keeps the data that still has a place. */
  resize(blocks: number): void {
    const data = new Uint8Array(blocks * this.blockSize);
    data.set(this.data.subarray(0, data.byteLength));
    this.data = data;
  }

  info(): NativeNamespaceInfo {
    return {
      id: this.id,
      blocks: this.blocks,
      blockSize: this.blockSize,
      metadataSize: this.metadataSize,
      metadata: this.metadataSize > 0 ? 'separate' : 'none',
      protection: { type: 0, place: 'none' },
      optimal: {
        ioBoundary: 0,
        writeGranularity: 0,
        writeAlignment: 0,
        writeSize: 0,
        deallocateGranularity: 0,
        deallocateAlignment: 0,
      },
      supports: { compare: true, writeZeroes: true, deallocate: true, verify: true },
      nguid: '',
      eui64: '',
      tag: this.tag,
    };
  }
}
