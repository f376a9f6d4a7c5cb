// Writing chunks one after the other: those in DMA memory as they are, the others copied together.

import { SpdkError } from '../errors/spdk-error.js';
import type { DmaMemory } from '../io/dma-memory.js';
import { plainBytesOf } from '../options/buffers.js';
import { type ByteAccess, changed, noSpace } from './byte-access.js';
import type { StreamOperations } from './operations.js';
import { StagePool } from './stages.js';
import { partEnd, type StreamPlan } from './stream-options.js';

/** Below this many bytes, copying a chunk takes less time than an operation of its own. */
const smallestInPlace = 256 << 10;

/** One operation, until all earlier ones have ended too. */
interface Part {
  readonly bytes: number;
  done: boolean;
}

/** What has become of a chunk that was accepted. */
export interface Accepted {
  /** Resolves when the memory of the chunk is not used any more. */
  readonly done: Promise<unknown>;
}

/** The data of a stream, written in order from its start on. */
export class ChunkWriter {
  /** Bytes that were written from the start without a gap. */
  bytesWritten = 0;
  readonly #access: ByteAccess;
  readonly #plan: StreamPlan;
  readonly #operations: StreamOperations;
  readonly #memory: DmaMemory;
  readonly #stages: StagePool;
  readonly #onError: (error: unknown) => void;
  readonly #parts: Part[] = [];
  /** The buffer that is being filled: the position of its first byte, and its length. */
  #stage: Uint8Array | undefined;
  #position: number;
  #filled = 0;

  /** @param onError called when an operation fails */
  constructor(
    access: ByteAccess,
    plan: StreamPlan,
    operations: StreamOperations,
    memory: DmaMemory,
    onError: (error: unknown) => void,
  ) {
    this.#access = access;
    this.#plan = plan;
    this.#operations = operations;
    this.#memory = memory;
    this.#onError = onError;
    this.#position = plan.start;
    this.#stages = new StagePool(memory, plan, plan.concurrency);
  }

  /** Whether data was accepted that is not written: in the buffer that is being filled, or on the way. */
  get hasUnwritten(): boolean {
    return this.#filled > 0 || this.#parts.length > 0;
  }

  /** Sends or copies a chunk. Resolves when there is room for more; one chunk at a time. */
  async accept(chunk: unknown): Promise<Accepted> {
    const bytes = plainBytesOf(chunk, 'chunk');
    const length = bytes.byteLength;
    const from = this.#position + this.#filled;
    const what = `Writing ${length} bytes at ${from}`;
    if (from + length > this.#plan.end) throw noSpace(what, `of the stream, ${this.#plan.end}`);
    const check = (): void => {
      this.#checkOpen();
      if (bytes.byteLength !== length) throw changed(what);
    };
    const inPlace = this.#inPlaceBytes(bytes, from);
    const sent = await this.#sendInPlace(bytes, inPlace, check);
    await this.#copy(bytes, inPlace, length, check);
    return { done: Promise.all(sent) };
  }

  /** Writes what was copied and not sent yet, and waits for all operations. */
  async finish(): Promise<void> {
    await this.#sendStage();
    await this.#operations.all();
  }

  /** Returns the memory, when all operations have ended. */
  close(): void {
    this.#stages.close();
  }

  /** How many of the bytes are sent as they are: all whole blocks, or none. */
  #inPlaceBytes(bytes: Uint8Array, from: number): number {
    const { blockSize } = this.#access.disk;
    const whole = bytes.byteLength - (bytes.byteLength % blockSize);
    return whole >= smallestInPlace && from % blockSize === 0 && this.#memory.owns(bytes) ? whole : 0;
  }

  async #sendInPlace(bytes: Uint8Array, length: number, check: () => void): Promise<Promise<void>[]> {
    const sent: Promise<void>[] = [];
    if (length === 0) return sent;
    await this.#sendStage();
    const { chunkBytes } = this.#plan;
    for (let at = 0; at < length; at += chunkBytes) {
      await this.#room();
      check();
      const writing = this.#send(bytes.subarray(at, Math.min(at + chunkBytes, length)));
      // Without this an error would be unhandled while there is no room for the rest.
      writing.catch(() => {});
      sent.push(writing);
    }
    return sent;
  }

  async #copy(bytes: Uint8Array, start: number, end: number, check: () => void): Promise<void> {
    for (let at = start; at < end; ) {
      check();
      this.#stage ??= await this.#stages.take();
      check();
      const room = partEnd(this.#position, this.#plan, this.#access.disk.blockSize) - this.#position;
      const part = bytes.subarray(at, Math.min(at + room - this.#filled, end));
      this.#stage.set(part, this.#filled);
      this.#filled += part.byteLength;
      at += part.byteLength;
      if (this.#filled === room) await this.#sendStage();
    }
  }

  /** Begins to write the buffer that was filled. The next one may follow before this has ended. */
  async #sendStage(): Promise<void> {
    const stage = this.#stage;
    if (!stage || this.#filled === 0) return;
    await this.#room();
    const data = stage.subarray(0, this.#filled);
    this.#stage = undefined;
    this.#filled = 0;
    const give = () => this.#stages.give(stage);
    this.#send(data).then(give, give);
  }

  /** Waits until one more operation may be outstanding. */
  async #room(): Promise<void> {
    await this.#operations.fewerThan(this.#plan.concurrency);
    this.#checkOpen();
  }

  #checkOpen(): void {
    if (this.#operations.ended) throw new SpdkError('ERR_SPDK_ABORTED', 'The write stream was destroyed');
  }

  #send(data: Uint8Array): Promise<void> {
    const part = { bytes: data.byteLength, done: false };
    const writing = this.#access.write(data, this.#position, this.#operations.options);
    this.#parts.push(part);
    this.#position += part.bytes;
    return this.#operations.add(writing).then(
      () => {
        part.done = true;
        this.#count();
      },
      (error) => {
        this.#onError(error);
        throw error;
      },
    );
  }

  #count(): void {
    while (this.#parts[0]?.done) this.bytesWritten += this.#parts.shift()?.bytes ?? 0;
  }
}
