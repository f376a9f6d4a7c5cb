// The memory of the chunks of a read stream, each of which its consumer may keep.

import { isMainThread } from 'node:worker_threads';
import { native } from '../native/addon.js';
import type { NativeBufferPool } from '../native/contract.js';

/** Where a read stream has its chunks from. */
export interface ChunkSource {
  take(bytes: number): Buffer;
  /** The stream passes a chunk on. @param end bytes of the stream up to the end of the chunk */
  pass(chunk: Buffer, end: number): void;
  /** The consumer has got this many bytes. */
  consumed(bytes: number): void;
  /** Ends the use of memory by this stream. */
  close(): void;
}

/** The process's allocator uses the memory of smaller buffers again; a larger one is new, and each of its pages causes a page fault. */
const smallestPooled = 128 << 10;

/**
 * Buffers for one stream. Their memory is used again when its consumer can no longer reach it.
 *
 * In a worker they are new ones of Node.js: it frees the memory of addons when the worker ends, even if another thread has got it
 * by `ArrayBuffer.prototype.transfer()`, which reaches what `postMessage()` itself does not transfer.
 */
export class ChunkMemory implements ChunkSource {
  #pool: NativeBufferPool | undefined;

  take(bytes: number): Buffer {
    if (!isMainThread || bytes < smallestPooled) return Buffer.allocUnsafeSlow(bytes);
    if (!this.#pool) {
      const { BufferPool } = native();
      this.#pool = new BufferPool();
    }
    return this.#pool.take({ bytes }) ?? Buffer.allocUnsafeSlow(bytes);
  }

  /** The garbage collector finds out when a chunk is over. */
  pass(): void {}

  consumed(): void {}

  close(): void {
    this.#pool?.close();
  }
}
