import { type DmaBuffer, type DmaMemory, type DmaRegion, regionOf } from './dma-memory.js';
import { SpdkError } from './errors.js';
import type { Namespace } from './namespace.js';
import { type CompletionSink, operations, type Ring } from './ring.js';

/** How a batch tells its queue pair what it does. */
export interface BatchHooks {
  readonly pending: (count: number) => void;
  readonly closed: () => void;
}

/**
 * Commands without promises, for programs that count every microsecond: any number go out with one `submit()` and
 * come back with one `reap()`, and none allocates anything. It has its queue pair to itself.
 *
 *     while (batch.read(ns, buffer, at, offset, 4096, tag)) { … }   // false: the queue is full
 *     batch.submit();
 *     const count = await batch.wait();
 *     for (let i = 0; i < count; i++) use(batch.tags[i], batch.statuses[i]);
 *
 * Data is in memory of `env.allocate()`. A status is 0 for success, else `statusError()` makes an error of it.
 */
export class Batch implements CompletionSink, Disposable {
  /** Commands that can be outstanding. */
  readonly capacity: number;
  /** The tags of the commands that the last `reap()` or `wait()` took. */
  readonly tags: Uint32Array;
  /** Their statuses, in the same order. */
  readonly statuses: Uint32Array;
  readonly #ring: Ring;
  readonly #memory: DmaMemory;
  readonly #hooks: BatchHooks;
  readonly #tagBySlot: Uint32Array;
  readonly #regionBySlot: (DmaRegion | undefined)[];
  #outstanding = 0;
  #reaped = 0;
  #closed = false;
  #failure: SpdkError | undefined;
  #waiter: (() => void) | undefined;

  /** @internal */
  constructor(ring: Ring, memory: DmaMemory, hooks: BatchHooks) {
    this.#ring = ring;
    this.#memory = memory;
    this.#hooks = hooks;
    this.capacity = ring.capacity;
    this.tags = new Uint32Array(this.capacity);
    this.statuses = new Uint32Array(this.capacity);
    this.#tagBySlot = new Uint32Array(this.capacity);
    this.#regionBySlot = new Array<DmaRegion | undefined>(this.capacity).fill(undefined);
  }

  /** Commands described and not reaped yet. */
  get outstanding(): number {
    return this.#outstanding;
  }

  /**
   * Describes a read of `length` bytes at `offset` of the namespace, into the buffer from `bufferOffset` on.
   * @returns false when the queue is full: submit and reap first
   * @throws {SpdkError} ERR_SPDK_UNALIGNED, ERR_SPDK_OUT_OF_RANGE, ERR_SPDK_INVALID_BUFFER
   */
  read(
    namespace: Namespace,
    buffer: DmaBuffer,
    bufferOffset: number,
    offset: number,
    length: number,
    tag: number,
  ): boolean {
    return this.#transfer(operations.read, namespace, buffer, bufferOffset, offset, length, tag);
  }

  /** Describes a write; as `read`. */
  write(
    namespace: Namespace,
    buffer: DmaBuffer,
    bufferOffset: number,
    offset: number,
    length: number,
    tag: number,
  ): boolean {
    return this.#transfer(operations.write, namespace, buffer, bufferOffset, offset, length, tag);
  }

  /** Describes a flush of the namespace. */
  flush(namespace: Namespace, tag: number): boolean {
    this.#check();
    if (this.#ring.free === 0) return false;
    namespace.check(0, 0);
    const slot = this.#ring.take();
    this.#ring.describe(slot, operations.flush, namespace.id, namespace.blockSize, 0, 0, 0, 0, 0);
    this.#push(slot, undefined, tag);
    return true;
  }

  /** Sends everything described since the last call. */
  submit(): void {
    this.#hooks.pending(this.#outstanding);
    this.#ring.publish();
  }

  /** Takes what has completed, into `tags` and `statuses`. Returns how many; 0 is no reason to wait. */
  reap(): number {
    this.#reaped = 0;
    if (this.#failure) return 0;
    this.#ring.reap(this);
    if (this.#reaped > 0) {
      this.#outstanding -= this.#reaped;
      if (this.#outstanding === 0) this.#hooks.pending(0);
    }
    return this.#reaped;
  }

  /** Waits until at least one command has completed, and reaps. 0 at once when nothing is outstanding. */
  async wait(): Promise<number> {
    for (;;) {
      const count = this.reap();
      if (count > 0 || this.#outstanding === 0) return count;
      if (this.#failure) throw this.#failure;
      await new Promise<void>((resolve) => {
        this.#waiter = resolve;
      });
    }
  }

  /**
   * Gives the queue pair back. Reap everything first.
   * @throws {SpdkError} ERR_SPDK_QUEUE_IN_USE while commands are outstanding
   */
  close(): void {
    if (this.#closed) return;
    if (this.#outstanding > 0 && !this.#failure) {
      throw new SpdkError(
        'ERR_SPDK_QUEUE_IN_USE',
        `${this.#outstanding} commands are outstanding; reap them first`,
      );
    }
    this.#closed = true;
    this.#hooks.closed();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** @internal Called by the ring for each command that has completed. */
  complete(slot: number, status: number): void {
    const at = this.#reaped++;
    this.tags[at] = this.#tagBySlot[slot] as number;
    this.statuses[at] = status;
    const region = this.#regionBySlot[slot];
    if (region) this.#memory.unpin(region);
    this.#regionBySlot[slot] = undefined;
  }

  /** @internal Something may have completed. */
  wake(): void {
    const waiter = this.#waiter;
    this.#waiter = undefined;
    waiter?.();
  }

  /** @internal The queue pair is gone. */
  abandon(error: SpdkError): void {
    this.#failure = error;
    this.wake();
  }

  #transfer(
    operation: number,
    namespace: Namespace,
    buffer: DmaBuffer,
    bufferOffset: number,
    offset: number,
    length: number,
    tag: number,
  ): boolean {
    this.#check();
    if (this.#ring.free === 0) return false;
    const block = namespace.checkTransfer(offset, length);
    const region = regionOf(buffer);
    if (
      region === undefined ||
      region.released ||
      region.owner !== this.#memory ||
      !(bufferOffset >= 0 && bufferOffset + length <= buffer.byteLength)
    ) {
      throw new SpdkError(
        'ERR_SPDK_INVALID_BUFFER',
        'The buffer is not DMA memory of this environment, or too short',
      );
    }
    const slot = this.#ring.take();
    const blocks = length / namespace.blockSize;
    this.#ring.describe(
      slot,
      operation,
      namespace.id,
      namespace.blockSize,
      block,
      blocks,
      region.id,
      buffer.byteOffset + bufferOffset,
      0,
    );
    this.#memory.pin(region);
    this.#push(slot, region, tag);
    return true;
  }

  #push(slot: number, region: DmaRegion | undefined, tag: number): void {
    this.#regionBySlot[slot] = region;
    this.#tagBySlot[slot] = tag;
    this.#outstanding++;
    this.#ring.push(slot);
  }

  #check(): void {
    if (this.#failure) throw this.#failure;
    if (this.#closed) throw new SpdkError('ERR_SPDK_QUEUE_IN_USE', 'The batch is closed; open another');
  }
}
