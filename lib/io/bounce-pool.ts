// DMA memory that data of other memory is copied through, shared by all controllers.

import type { DmaMemory, DmaRegion } from './dma-memory.js';
import { type MemoryWaiter, MemoryWaitQueue } from './memory-wait-queue.js';

/** A piece of DMA memory that the data of one command is copied through. */
export interface BounceChunk {
  readonly region: DmaRegion;
  readonly offset: number;
  readonly bytes: number;
  /** Undefined for a region that holds one chunk only. */
  readonly slab: Slab | undefined;
}

/** A region that is cut into chunks of one size. */
interface Slab {
  readonly region: DmaRegion;
  sizeClass: number;
  /** Chunks in use. Without any, the slab can be divided differently. */
  used: number;
}

/** Chunks are powers of two from 4 KiB, the page of NVMe ... */
const smallestClass = 12;
/** ... to 1 MiB, which a slab is. */
const slabClass = 20;
/** The maximum of data that one command copies; longer data is sent in several commands. */
export const largestChunk = 2 ** slabClass;
/** What one controller may hold of the pool, so that one whose target hangs does not stop the others. */
const quotaOfController = 1 / 4;

/**
 * DMA memory for I/O with buffers that controllers cannot reach. Chunks are reused, so that a steady load
 * allocates nothing. The pool has a limit, beyond which commands wait for the memory of others.
 */
export class BouncePool {
  readonly memory: DmaMemory;
  readonly limit: number;
  readonly #waiters = new MemoryWaitQueue();
  readonly #free: BounceChunk[][] = Array.from({ length: slabClass + 1 }, () => []);
  readonly #slabs = new Set<Slab>();
  /** Slabs with nothing in use. */
  #idle = 0;
  /** Bytes of slabs and regions, and the part that commands use and will return. */
  #total = 0;
  #used = 0;

  /** @param limit the maximum of DMA memory of the pool in bytes */
  constructor(memory: DmaMemory, limit: number) {
    this.memory = memory;
    this.limit = limit;
    memory.reclaim = () => this.#releaseIdle();
  }

  /**
   * A chunk of at least this many bytes; undefined if there is none now, and then the waiter waits for one.
   * @throws {SpdkError} ERR_SPDK_NO_MEMORY if there is none and none will be returned
   */
  take(bytes: number, waiter: MemoryWaiter): BounceChunk | undefined {
    const chunk = this.#waiters.lets(waiter) ? this.#find(bytes) : undefined;
    if (!chunk) {
      this.#waiters.add(waiter);
      return undefined;
    }
    this.#used += chunk.bytes;
    return chunk;
  }

  /** @param counted whether the chunk was expected back, see {@link lose} */
  give(chunk: BounceChunk, counted: boolean): void {
    const { slab } = chunk;
    if (counted) this.#used -= chunk.bytes;
    if (slab) {
      slab.used--;
      if (slab.used === 0) this.#idle++;
      (this.#free[slab.sizeClass] as BounceChunk[]).push(chunk);
    } else {
      this.#total -= chunk.bytes;
      this.memory.release(chunk.region);
    }
    this.#waiters.serve();
  }

  /** Stops counting this many bytes, which may never be returned: no operation waits for them. */
  lose(bytes: number): void {
    this.#used -= bytes;
    this.#waiters.serve();
  }

  #find(bytes: number): BounceChunk | undefined {
    if (bytes > largestChunk) return this.#region(bytes);
    const sizeClass = Math.max(smallestClass, 32 - Math.clz32(bytes - 1));
    const free = this.#free[sizeClass] as BounceChunk[];
    if (free.length === 0 && !this.#cut(sizeClass, free)) return this.#region(2 ** sizeClass);
    const chunk = free.pop() as BounceChunk;
    const slab = chunk.slab as Slab;
    if (slab.used === 0) this.#idle--;
    slab.used++;
    return chunk;
  }

  /** Cuts a slab that is idle, or a new one. False when there is neither. */
  #cut(sizeClass: number, free: BounceChunk[]): boolean {
    const slab = this.#idleSlab() ?? this.#newSlab();
    if (!slab) return false;
    const bytes = 2 ** sizeClass;
    slab.sizeClass = sizeClass;
    for (let offset = largestChunk - bytes; offset >= 0; offset -= bytes) {
      free.push({ region: slab.region, offset, bytes, slab });
    }
    return true;
  }

  #idleSlab(): Slab | undefined {
    if (this.#idle === 0) return undefined;
    for (const slab of this.#slabs) {
      if (slab.used > 0) continue;
      this.#forget(slab);
      return slab;
    }
    return undefined;
  }

  #newSlab(): Slab | undefined {
    if (this.#total + largestChunk > this.limit) return undefined;
    const region = this.memory.tryAllocate(largestChunk);
    if (!region) return undefined;
    const slab: Slab = { region, sizeClass: slabClass, used: 0 };
    this.#slabs.add(slab);
    this.#idle++;
    this.#total += largestChunk;
    return slab;
  }

  /** A region for one chunk: a large one, or a small one where a whole slab is not to be had. */
  #region(bytes: number): BounceChunk | undefined {
    if (this.#total + bytes > this.limit) this.#releaseIdle();
    // A piece larger than the limit has the pool to itself.
    if (this.#total + bytes > this.limit && this.#used > 0) return undefined;
    const region = this.#used > 0 ? this.memory.tryAllocate(bytes) : this.memory.allocate(bytes);
    if (!region) return undefined;
    this.#total += bytes;
    return { region, offset: 0, bytes, slab: undefined };
  }

  #releaseIdle(): boolean {
    if (this.#idle === 0) return false;
    for (const slab of this.#slabs) {
      if (slab.used > 0) continue;
      this.#forget(slab);
      this.#slabs.delete(slab);
      this.#idle--;
      this.#total -= largestChunk;
      this.memory.release(slab.region);
    }
    return true;
  }

  /** Removes a slab's chunks from the free ones. */
  #forget(slab: Slab): void {
    const free = this.#free[slab.sizeClass] as BounceChunk[];
    let kept = 0;
    for (const chunk of free) if (chunk.slab !== slab) free[kept++] = chunk;
    free.length = kept;
  }
}

/** What one controller may use of the pool. */
export class BounceQuota {
  readonly #pool: BouncePool;
  readonly #limit: number;
  readonly #waiters = new MemoryWaitQueue();
  #used = 0;
  #lost = false;

  constructor(pool: BouncePool) {
    this.#pool = pool;
    this.#limit = pool.limit * quotaOfController;
  }

  /** As {@link BouncePool.take}. The memory is pinned until it is given back. */
  take(bytes: number, waiter: MemoryWaiter): BounceChunk | undefined {
    // A piece larger than the quota has the quota to itself.
    const room = this.#used === 0 || this.#used + bytes <= this.#limit;
    if (!room || !this.#waiters.lets(waiter)) {
      this.#waiters.add(waiter);
      return undefined;
    }
    const chunk = this.#pool.take(bytes, waiter);
    if (!chunk) return undefined;
    this.#used += chunk.bytes;
    this.#pool.memory.pin(chunk.region);
    return chunk;
  }

  give(chunk: BounceChunk): void {
    this.#pool.memory.unpin(chunk.region);
    if (!this.#lost) this.#used -= chunk.bytes;
    this.#pool.give(chunk, !this.#lost);
    this.#waiters.serve();
  }

  /** Leaves the memory of a wedged controller pinned: no operation waits for it. */
  lose(): void {
    if (this.#lost) return;
    this.#lost = true;
    this.#pool.lose(this.#used);
  }
}
