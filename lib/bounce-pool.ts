import type { DmaMemory, DmaRegion } from './dma-memory.js';

/** A piece of DMA memory that data is copied through. */
export interface BounceChunk {
  readonly region: DmaRegion;
  readonly offset: number;
  readonly sizeClass: number;
}

/** Chunks are powers of two from 4 KiB, the page of NVMe ... */
const smallestClass = 12;
/** ... to 1 MiB, which a slab of memory is; what is larger gets a region of its own. */
const slabClass = 20;

/**
 * DMA memory for I/O with buffers that controllers cannot reach. Chunks are reused, so that a steady load
 * allocates nothing; the memory stays with the environment.
 */
export class BouncePool {
  readonly #memory: DmaMemory;
  readonly #free: BounceChunk[][] = Array.from({ length: slabClass + 1 }, () => []);

  constructor(memory: DmaMemory) {
    this.#memory = memory;
  }

  /** @throws {SpdkError} ERR_SPDK_NO_MEMORY */
  take(bytes: number): BounceChunk {
    const sizeClass = Math.max(smallestClass, 32 - Math.clz32(bytes - 1));
    if (sizeClass > slabClass) return { region: this.#memory.allocate(bytes), offset: 0, sizeClass };
    const free = this.#free[sizeClass] as BounceChunk[];
    return free.pop() ?? this.#cut(sizeClass, free);
  }

  give(chunk: BounceChunk): void {
    if (chunk.sizeClass > slabClass) this.#memory.release(chunk.region);
    else this.#free[chunk.sizeClass]?.push(chunk);
  }

  #cut(sizeClass: number, free: BounceChunk[]): BounceChunk {
    const region = this.#memory.allocate(2 ** slabClass);
    const size = 2 ** sizeClass;
    for (let offset = size; offset < 2 ** slabClass; offset += size) free.push({ region, offset, sizeClass });
    return { region, offset: 0, sizeClass };
  }
}
