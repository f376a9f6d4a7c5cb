// DMA memory that is ordinary memory.

import type { NativeRegion } from '../native/contract.js';
import type { Violations } from './violations.js';

const maxRegions = 65_536;
/** The distance between the first ids of one environment and those of the next. */
const idsApart = 1_000;
const mebibyte = 1 << 20;
const dropped = 0x8000_0000;

interface Region {
  /** The program may forget the memory: the region is dropped then. */
  readonly memory: WeakRef<ArrayBuffer>;
  readonly size: number;
  /** Parts that a controller reads or writes at this moment. */
  readonly uses: Set<RegionUse>;
}

/** A part of a region that a command uses. */
export interface RegionUse {
  readonly region: Region;
  /** Keeps the memory; undefined when it was already gone. */
  readonly memory: ArrayBuffer | undefined;
  readonly id: number;
  readonly offset: number;
  readonly length: number;
  /** Whether the controller writes there. */
  readonly intoMemory: boolean;
}

/** native/core/io/dma_memory.h in ordinary memory. It also notices when memory is used that must not be. */
export class MemoryRegions {
  readonly pins = new Uint32Array(new ArrayBuffer(maxRegions * 4));
  /** The most bytes that are given out. */
  limitBytes: number;
  readonly #regions = new Map<number, Region>();
  readonly #ids = new WeakMap<ArrayBuffer, number>();
  readonly #violations: Violations;
  readonly #forgotten = new FinalizationRegistry<{ id: number; region: Region }>(({ id, region }) => {
    if (this.#regions.get(id) === region) this.drop(id);
  });
  readonly #freeIds: number[] = [];
  readonly #firstId: number;
  /** How many ids have been in use. */
  #idsUsed = 0;
  #usedBytes = 0;

  /**
   * @param index of the environment: ids begin elsewhere in the next one, so that a region of another one is found out
   * @param memoryMb how much there is
   */
  constructor(violations: Violations, index: number, memoryMb: number) {
    this.#violations = violations;
    this.#firstId = index * idsApart;
    this.limitBytes = memoryMb * mebibyte;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Ids of the regions that are not free, with how often each is pinned. */
  get live(): ReadonlyMap<number, number> {
    return new Map([...this.#regions.keys()].map((id) => [id, this.pins[id] as number]));
  }

  /** Regions that commands hold on to. */
  get pinned(): number[] {
    return [...this.live].filter(([, pins]) => pins !== 0).map(([id]) => id);
  }

  allocate(bytes: number): NativeRegion | null {
    if (!Number.isInteger(bytes) || bytes < 1 || bytes > 0xffff_ffff) throw new TypeError('bytes');
    if (this.#usedBytes + bytes > this.limitBytes) return null;
    const id = this.#freeIds.pop() ?? this.#unusedId();
    if (id === undefined) return null;
    const memory = new ArrayBuffer(bytes);
    const region = { memory: new WeakRef(memory), size: bytes, uses: new Set<RegionUse>() };
    this.#regions.set(id, region);
    this.#forgotten.register(memory, { id, region });
    this.#ids.set(memory, id);
    this.#usedBytes += bytes;
    return { id, memory };
  }

  detachMemory(memory: ArrayBuffer): void {
    const id = this.#ids.get(memory);
    if (id === undefined) {
      this.#violations.add('memory of another environment was detached');
      return;
    }
    this.drop(id);
    // A program may have transferred it already.
    if (memory.byteLength > 0) structuredClone(memory, { transfer: [memory] });
  }

  /** Drops a region, as the garbage collector does with an unreachable ArrayBuffer. */
  drop(id: number): void {
    if (this.pins[id] === 0) this.#free(id);
    else this.pins[id] = (this.pins[id] as number) | dropped;
  }

  freeUnpinned(id: number): void {
    if (this.pins[id] === dropped) this.#free(id);
    else this.#violations.add(`region ${id} was to be freed while it is pinned`);
  }

  /** A command uses a part from now on; undefined when there is no such part. */
  use(id: number, offset: number, length: number, intoMemory: boolean): RegionUse | undefined {
    const region = this.#regions.get(id);
    if (!region) {
      this.#violations.add(`a command names region ${id}, which is freed or another environment's`);
      return undefined;
    }
    if (offset + length > region.size) {
      this.#violations.add(`a command reaches past the end of region ${id}`);
      return undefined;
    }
    for (const other of region.uses) {
      const apart = offset + length <= other.offset || other.offset + other.length <= offset;
      if (!apart && (intoMemory || other.intoMemory)) {
        this.#violations.add(`two commands use the same part of region ${id}`);
      }
    }
    if (this.pins[id] === 0) this.#violations.add(`a command uses region ${id}, which is not pinned`);
    const memory = region.memory.deref();
    const use: RegionUse = { region, memory, id, offset, length, intoMemory };
    region.uses.add(use);
    return use;
  }

  endUse(use: RegionUse): void {
    use.region.uses.delete(use);
  }

  /** The bytes of a part in use; undefined when they were freed under the command. */
  bytes({ region, memory, id, offset, length }: RegionUse): Uint8Array | undefined {
    if (!memory || this.#regions.get(id) !== region || memory.byteLength < offset + length) {
      this.#violations.add(`a controller reached region ${id} after it was freed`);
      return undefined;
    }
    return new Uint8Array(memory, offset, length);
  }

  /** The ids after the last one are the first ones. */
  #unusedId(): number | undefined {
    if (this.#idsUsed === maxRegions) return undefined;
    return (this.#firstId + this.#idsUsed++) % maxRegions;
  }

  #free(id: number): void {
    const region = this.#regions.get(id);
    if (!region) {
      this.#violations.add(`region ${id} was freed twice`);
      return;
    }
    if (region.uses.size > 0) this.#violations.add(`region ${id} was freed while a command uses it`);
    this.#regions.delete(id);
    this.#usedBytes -= region.size;
    this.pins[id] = 0;
    this.#freeIds.push(id);
  }
}
