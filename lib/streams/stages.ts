// Memory of a stream in which its data is on the way: what a write stream gathers, and what chunks are read into.

import type { DmaMemory, DmaRegion } from '../io/dma-memory.js';
import type { StreamPlan } from './stream-options.js';

/**
 * A bounded number of buffers for the operations of a stream. They are DMA memory, so that data is copied at most once; if none
 * is left for streams, ordinary memory, whose data is copied once more.
 */
export class StagePool {
  readonly #memory: DmaMemory;
  readonly #bytes: number;
  readonly #free: Uint8Array[] = [];
  readonly #regions: DmaRegion[] = [];
  /** How many may still be created. */
  #left: number;
  #waiter: ((stage: Uint8Array) => void) | undefined;

  constructor(memory: DmaMemory, { start, end, chunkBytes }: StreamPlan, max: number) {
    this.#memory = memory;
    this.#bytes = Math.min(chunkBytes, end - start);
    this.#left = max;
  }

  /** Returns a free buffer, as soon as there is one. One caller at a time. */
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
    for (const region of this.#regions.splice(0)) this.#memory.releaseStage(region);
  }

  #make(): Uint8Array {
    const region = this.#memory.tryStage(this.#bytes);
    if (!region) return new Uint8Array(this.#bytes);
    this.#regions.push(region);
    return region.bytes;
  }
}
