// Chunks of a read stream whose memory is read into again.

import { type DmaMemory, type DmaRegion, regionOf } from '../io/dma-memory.js';
import type { ChunkSource } from './chunk-memory.js';
import type { StreamPlan } from './stream-options.js';

/** A chunk that the stream has passed on. */
interface Passed {
  readonly memory: ArrayBuffer;
  /** Its number, from 1 on. */
  readonly number: number;
  /** Bytes of the stream up to its end. */
  readonly end: number;
}

/**
 * Memory for one stream: that of a chunk is taken again when the consumer has got `after` later chunks. It is DMA memory, or ordinary
 * memory when none is left for streams.
 *
 * Memory that a consumer has seen is never freed here. Work of another thread, such as a write to a file, may still use it, whatever the
 * consumer has promised: the garbage collector frees it when nothing reaches it.
 */
export class ReusedChunks implements ChunkSource {
  readonly #memory: DmaMemory;
  readonly #bytes: number;
  readonly #after: number;
  /** Chunks whose memory is not yet taken again, in order. */
  readonly #passed: Passed[] = [];
  /** Regions that no consumer has seen. */
  readonly #unseen = new Set<DmaRegion>();
  /** The numbers of the last chunk that was passed on, and of the last one that the consumer has got. */
  #last = 0;
  #got = 0;

  constructor(memory: DmaMemory, { start, end, chunkBytes }: StreamPlan, after: number) {
    this.#memory = memory;
    this.#bytes = Math.min(chunkBytes, end - start);
    this.#after = after;
  }

  take(bytes: number): Buffer {
    return Buffer.from(this.#takeAgain() ?? this.#make(), 0, bytes);
  }

  pass(chunk: Buffer, end: number): void {
    const region = regionOf(chunk);
    if (region) this.#unseen.delete(region);
    this.#passed.push({ memory: chunk.buffer as ArrayBuffer, number: ++this.#last, end });
  }

  consumed(bytes: number): void {
    this.#got = this.#passed.findLast(({ end }) => end <= bytes)?.number ?? this.#got;
  }

  close(): void {
    for (const region of this.#unseen) this.#memory.releaseStage(region);
    this.#unseen.clear();
  }

  /** The memory of the first chunk that is over. */
  #takeAgain(): ArrayBuffer | undefined {
    for (let i = 0; i < this.#passed.length; i++) {
      const { memory, number } = this.#passed[i] as Passed;
      if (number + this.#after > this.#got) return undefined;
      // A command may outlast the operation of its caller, which has timed out.
      if (this.#memory.isPinned(memory)) continue;
      this.#passed.splice(i--, 1);
      // Otherwise the consumer has transferred it.
      if (memory.byteLength === this.#bytes) return memory;
    }
    return undefined;
  }

  #make(): ArrayBuffer {
    const region = this.#memory.tryStage(this.#bytes);
    if (!region) return new ArrayBuffer(this.#bytes);
    this.#unseen.add(region);
    return region.bytes.buffer as ArrayBuffer;
  }
}
