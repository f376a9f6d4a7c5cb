// Memory for the chunks of read streams.

import type { DmaMemory } from '../io/dma-memory.js';
import type { NativeChunkPool } from '../native/contract.js';

/** Below this the allocator of the process reuses memory by itself. */
const smallestPooled = 256 << 10;
/** How long memory is kept for the next stream. */
const keptMs = 1_000;

/** The pools of each environment, by the length of their chunks. */
const pools = new WeakMap<DmaMemory, Map<number, ChunkMemory>>();

/**
 * The memory of chunks of one length, for all streams of an environment. A chunk is its consumer's for as long as any code can
 * reach it. Then its memory is used again: page faults of fresh memory would take longer than the rest of a read.
 */
export class ChunkMemory {
  readonly #bytes: number;
  readonly #pool: NativeChunkPool | undefined;
  readonly #forget: () => void;
  #streams = 0;
  #timer: NodeJS.Timeout | undefined;

  private constructor(bytes: number, pool: NativeChunkPool | undefined, forget: () => void) {
    this.#bytes = bytes;
    this.#pool = pool;
    this.#forget = forget;
  }

  /** For a stream with chunks of at most this length, until it calls {@link leave}. */
  static join(memory: DmaMemory, bytes: number): ChunkMemory {
    const existing = pools.get(memory) ?? new Map<number, ChunkMemory>();
    pools.set(memory, existing);
    let chunks = existing.get(bytes);
    if (!chunks) {
      const pool = bytes < smallestPooled ? undefined : memory.chunkPool(bytes);
      chunks = new ChunkMemory(bytes, pool, () => existing.delete(bytes));
      existing.set(bytes, chunks);
    }
    clearTimeout(chunks.#timer);
    chunks.#streams++;
    return chunks;
  }

  /** A buffer with any content. */
  take(length: number): Buffer {
    // A short chunk, as at the end, is not to keep the memory of a long one.
    const memory = length > this.#bytes / 2 ? this.#pool?.take() : undefined;
    return memory ? Buffer.from(memory, 0, length) : Buffer.allocUnsafeSlow(length);
  }

  /** One stream has ended. Its chunks stay valid. */
  leave(): void {
    this.#streams--;
    if (this.#streams > 0) return;
    this.#timer = setTimeout(() => {
      this.#forget();
      this.#pool?.close();
    }, keptMs).unref();
  }
}
