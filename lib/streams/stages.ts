// Memory in which a write stream gathers its data.

import type { DmaMemory, DmaRegion } from '../io/dma-memory.js';

/**
 * A bounded number of buffers: for the outstanding operations and the one that is being filled. They are DMA memory,
 * so that data is copied once; if none is left, ordinary memory, whose data is copied again.
 */
export class StagePool {
  readonly #memory: DmaMemory;
  readonly #bytes: number;
  readonly #free: Uint8Array[] = [];
  readonly #regions: DmaRegion[] = [];
  /** How many may still be created. */
  #left: number;
  #waiter: ((stage: Uint8Array) => void) | undefined;

  constructor(memory: DmaMemory, bytes: number, most: number) {
    this.#memory = memory;
    this.#bytes = bytes;
    this.#left = most;
  }

  /** A free one, as soon as there is one. One caller at a time. */
  async take(): Promise<Uint8Array> {
    const free = this.#free.pop();
    if (free) return free;
    if (this.#left > 0) {
      this.#left--;
      return this.#make();
    }
    return new Promise((resolve) => {
      this.#waiter = resolve;
    });
  }

  give(stage: Uint8Array): void {
    const waiter = this.#waiter;
    this.#waiter = undefined;
    if (waiter) waiter(stage);
    else this.#free.push(stage);
  }

  /** Returns the memory; parts that commands still use become free when those have ended. */
  close(): void {
    this.#left = 0;
    this.#free.length = 0;
    for (const region of this.#regions.splice(0)) this.#memory.release(region);
  }

  #make(): Uint8Array {
    const region = this.#memory.tryAllocate(this.#bytes);
    if (!region) return new Uint8Array(this.#bytes);
    this.#regions.push(region);
    return region.bytes;
  }
}
