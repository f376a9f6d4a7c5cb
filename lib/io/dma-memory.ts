// Memory that controllers reach directly: its regions, and which of them commands use.

import { SpdkError } from '../errors/spdk-error.js';
import { dispose } from '../internal/disposal.js';
import type { NativeEnvironment } from '../native/contract.js';
import { invalidBuffer } from '../options/buffers.js';

/** A piece of native memory that controllers reach directly. */
export interface DmaRegion {
  readonly id: number;
  readonly owner: DmaMemory;
  readonly bytes: Uint8Array;
  released: boolean;
}

/** A Buffer in DMA memory: I/O with it copies nothing. */
export type DmaBuffer = ReturnType<typeof Buffer.alloc> &
  Disposable & {
    /**
     * Releases the memory. Commands that still use it finish first. New commands with the buffer are rejected from now on, and
     * its length is zero once the others have finished. Without a call, the garbage collector releases the memory later.
     */
    release(): void;
  };

/** Where a region is noted on its ArrayBuffer, so that any view of it finds the region at the cost of a lookup. */
const regionKey = Symbol('spdk-nvme DMA region');
type MarkedBuffer = ArrayBufferLike & { [regionKey]?: DmaRegion };

/** Returns the object that it is given, and a derived class adds its fields to that. */
class Given {
  constructor(object: object) {
    // biome-ignore lint/correctness/noConstructorReturn: this is the only way to give an existing object a private field.
    return object;
  }
}

/**
 * The mark of a Buffer of allocate(), which is the whole of its region. Most operations get one, and its ArrayBuffer would take longer to
 * ask. Unlike a property it is not inherited.
 */
class WholeRegion extends Given {
  readonly #region: DmaRegion;

  constructor(buffer: DmaBuffer, region: DmaRegion) {
    super(buffer);
    this.#region = region;
  }

  static regionOf(view: object): DmaRegion | undefined {
    return #region in view ? view.#region : undefined;
  }
}

/** The region that a view lies in; undefined for memory of any other kind. */
export function regionOf(view: ArrayBufferView): DmaRegion | undefined {
  return WholeRegion.regionOf(view) ?? (view.buffer as MarkedBuffer)[regionKey];
}

/** Where in its region a view begins, in bytes. */
export function offsetInRegion(view: ArrayBufferView): number {
  return WholeRegion.regionOf(view) ? 0 : view.byteOffset;
}

/**
 * Replaces the methods that move memory into a new ArrayBuffer. `postMessage()` rejects memory of addons, but would transfer such a new
 * ArrayBuffer to another thread; Node.js then frees the memory when the first thread ends, while the other still uses it.
 */
function rejectTransfer(): never {
  throw invalidBuffer('Memory of allocate() cannot be transferred; copy it');
}
const rejectingMethod = { value: rejectTransfer };

/** The highest bit of a region's pins: JavaScript lost sight of it (native/core/io/dma_memory.h). */
const dropped = 0x8000_0000;

/** DMA memory of one environment: regions, and how many commands use each. */
export class DmaMemory {
  readonly #native: NativeEnvironment;
  readonly #pins: Uint32Array;
  /** The maximum of memory that streams hold, and what they hold now. */
  readonly #stageLimit: number;
  #staged = 0;
  /** A program may forget a stream or an iterator: then only the garbage collector frees its memory. */
  readonly #forgotten = new FinalizationRegistry<number>((bytes) => {
    this.#staged -= bytes;
  });
  /** Frees memory that is kept for later. False if there was none. */
  reclaim: () => boolean = () => false;

  constructor(native: NativeEnvironment, stageLimit: number) {
    this.#native = native;
    this.#stageLimit = stageLimit;
    this.#pins = new Uint32Array(native.pins());
  }

  /** @throws {SpdkError} ERR_SPDK_NO_MEMORY */
  allocate(bytes: number): DmaRegion {
    const region = this.tryAllocate(bytes);
    if (region) return region;
    const most = this.#pins.length;
    const problem =
      this.#native.memoryUse().ownBuffers < most
        ? `${bytes} contiguous bytes of DMA memory are not available, or would leave SPDK less than 32 KiB. Release buffers, or start with a larger memoryMb`
        : `An environment has at most ${most} buffers in DMA memory, and has all of them. Release some, or use parts of larger ones (subarray())`;
    throw new SpdkError('ERR_SPDK_NO_MEMORY', problem);
  }

  /** As {@link allocate}; undefined when there is no memory. */
  tryAllocate(bytes: number): DmaRegion | undefined {
    let region = this.#native.allocate({ bytes });
    if (!region && this.reclaim()) region = this.#native.allocate({ bytes });
    if (!region) return undefined;
    const memory = region.memory as MarkedBuffer;
    const marked: DmaRegion = {
      id: region.id,
      owner: this,
      bytes: new Uint8Array(region.memory),
      released: false,
    };
    Object.defineProperties(memory, {
      [regionKey]: { value: marked },
      transfer: rejectingMethod,
      transferToFixedLength: rejectingMethod,
      transferToImmutable: rejectingMethod,
    });
    return marked;
  }

  /**
   * As {@link tryAllocate}, for a stream, which returns it by {@link releaseStage}. Undefined too when streams hold their part of
   * the memory, so that any number of them leaves memory for connects.
   */
  tryStage(bytes: number): DmaRegion | undefined {
    if (this.#staged + bytes > this.#stageLimit) return undefined;
    const region = this.tryAllocate(bytes);
    if (region) {
      this.#staged += bytes;
      this.#forgotten.register(region, bytes, region);
    }
    return region;
  }

  releaseStage(region: DmaRegion): void {
    this.#forgotten.unregister(region);
    this.#staged -= region.bytes.byteLength;
    this.release(region);
  }

  allocateBuffer(bytes: number): DmaBuffer {
    const region = this.allocate(bytes);
    const buffer = Buffer.from(region.bytes.buffer as ArrayBuffer) as DmaBuffer;
    new WholeRegion(buffer, region);
    const release = (): void => this.release(region);
    Object.defineProperties(buffer, {
      release: { value: release },
      [dispose]: { value: release },
      // A promise that resolves with it asks for this. Without it V8 looks through all prototypes, a tenth of the time of a read.
      // biome-ignore lint/suspicious/noThenProperty: it says that there is none.
      then: { value: undefined },
    });
    return buffer;
  }

  /** Whether commands use a region, which is the whole of its ArrayBuffer. */
  isPinned(memory: ArrayBufferLike): boolean {
    const region = (memory as MarkedBuffer)[regionKey];
    return region !== undefined && this.#pins[region.id] !== 0;
  }

  /** Keeps a region that a command uses from being freed before the matching {@link unpin}. */
  pin(region: DmaRegion): void {
    this.#pins[region.id] = (this.#pins[region.id] as number) + 1;
  }

  unpin(region: DmaRegion): void {
    const left = (this.#pins[region.id] as number) - 1;
    this.#pins[region.id] = left;
    if (left === dropped) this.#native.freeUnpinned(region.id);
    else if (left === 0 && region.released) this.#detach(region);
  }

  release(region: DmaRegion): void {
    if (region.released) return;
    region.released = true;
    if (this.#pins[region.id] === 0) this.#detach(region);
  }

  #detach(region: DmaRegion): void {
    this.#native.detachMemory(region.id, region.bytes.buffer as ArrayBuffer);
  }
}
