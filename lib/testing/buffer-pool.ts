// The pool of buffers, in memory: each buffer is a new one.

import type { NativeBufferPool } from '../native/contract.js';

/** native/core/base/buffer_pool.h, which also uses buffers again. */
export class MemoryBufferPool implements NativeBufferPool {
  take({ bytes }: { bytes: number }): Buffer {
    return Buffer.allocUnsafeSlow(bytes);
  }

  close(): void {}
}
