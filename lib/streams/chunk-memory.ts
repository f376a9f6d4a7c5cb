// The memory of the chunks of a read stream.

import { isMainThread } from 'node:worker_threads';
import { native } from '../native/addon.js';
import type { NativeBufferPool } from '../native/contract.js';

/** The process's allocator uses the memory of smaller buffers again; a larger one is new, and each of its pages causes a page fault. */
const smallestPooled = 128 << 10;

/**
 * Buffers for one stream. Their memory is used again when its consumer can no longer reach it.
 *
 * In a worker they are new ones of Node.js: it frees the memory of addons when the worker ends, even if another thread has got it
 * by `ArrayBuffer.prototype.transfer()`, which reaches what `postMessage()` itself does not transfer.
 */
export class ChunkMemory {
  #pool: NativeBufferPool | undefined;

  take(bytes: number): Buffer {
    if (!isMainThread || bytes < smallestPooled) return Buffer.allocUnsafeSlow(bytes);
    if (!this.#pool) {
      const { BufferPool } = native();
      this.#pool = new BufferPool();
    }
    return this.#pool.take({ bytes }) ?? Buffer.allocUnsafeSlow(bytes);
  }

  /** Ends the use of buffers by this stream. */
  close(): void {
    this.#pool?.close();
  }
}
