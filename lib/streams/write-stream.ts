// Writing a namespace as a stream.

import { Writable } from 'node:stream';
import { codedError } from '../errors/spdk-error.js';
import { throwUncaught } from '../internal/event-loop.js';
import type { DmaMemory } from '../io/dma-memory.js';
import type { OperationOptions } from '../io/operation-options.js';
import { plainBytesOf } from '../options/buffers.js';
import { type ByteAccess, changed } from './byte-access.js';
import { ChunkWriter } from './chunk-writer.js';
import { StreamOperations } from './operations.js';
import type { StreamPlan } from './stream-options.js';

/** @internal What a write stream needs of its namespace. */
export interface WriteStreamServices {
  readonly memory: DmaMemory;
  readonly flush: (options: OperationOptions) => Promise<void>;
}

type WriteCallback = (error: Error | null | undefined) => void;

/** A chunk from `write()` until its data is written or copied. */
class Chunk {
  /** Undefined until `_write()` for a chunk that the Writable converts or holds back. */
  data: unknown;
  readonly length: number | undefined;
  readonly done: Promise<void>;
  resolve!: () => void;
  reject!: (error: unknown) => void;

  constructor(data?: Uint8Array) {
    this.data = data;
    this.length = data?.byteLength;
    this.done = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    // The stream may be destroyed before it asks.
    this.done.catch(() => {});
  }
}

/**
 * A stream to a namespace; see `namespace.createWriteStream`.
 *
 * A Writable passes a chunk on when the one before it is done. With chunks that are sent as they are, only one would be on its way. So a
 * chunk is accepted as soon as there is room, and `_write()` gets the outcome.
 */
export class NamespaceWriteStream extends Writable {
  readonly #plan: StreamPlan;
  readonly #operations: StreamOperations;
  readonly #writer: ChunkWriter;
  readonly #flush: () => Promise<void>;
  /** Chunks that are not accepted yet, in order. */
  readonly #coming: Chunk[] = [];
  /** Chunks that the Writable has and has not passed on yet, in order. */
  readonly #kept: Chunk[] = [];
  #accepting = false;
  /** How many chunks the Writable has passed on. */
  #passed = 0;

  private constructor(access: ByteAccess, plan: StreamPlan, { memory, flush }: WriteStreamServices) {
    super({ highWaterMark: plan.chunkBytes * plan.concurrency });
    this.#plan = plan;
    this.#operations = new StreamOperations(plan);
    this.#writer = new ChunkWriter(access, plan, this.#operations, memory, (error) =>
      this.destroy(codedError('The write stream failed', error)),
    );
    this.#flush = () => flush(this.#operations.options);
    this.#operations.heed('The write stream', (error) => this.destroy(error));
  }

  /** @internal */
  static create(access: ByteAccess, plan: StreamPlan, services: WriteStreamServices): NamespaceWriteStream {
    return new NamespaceWriteStream(access, plan, services);
  }

  /** Bytes that were written from the start without a gap. */
  get bytesWritten(): number {
    return this.#writer.bytesWritten;
  }

  /** @internal Whether data was accepted that is not written: in the stream, in the buffer that is being filled, or on the way. */
  get hasUnwritten(): boolean {
    return this.writableLength > 0 || this.#writer.hasUnwritten;
  }

  /** As that of `Writable`. */
  override write(data: unknown, callback?: WriteCallback): boolean;
  override write(data: unknown, encoding: BufferEncoding, callback?: WriteCallback): boolean;
  override write(data: unknown, ...rest: unknown[]): boolean {
    const open = !(this.writableEnded || this.destroyed);
    const passed = this.#passed;
    const more = super.write(data, ...(rest as []));
    if (open && this.#passed === passed) {
      this.#kept.push(this.#add(this.writableCorked > 0 ? undefined : bytesNow(data)));
      void this.#accept();
    }
    return more;
  }

  /** @internal */
  override _write(data: Buffer, _: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.#passed++;
    // One that end() was called with is not kept by write().
    const chunk = this.#kept.shift() ?? this.#add();
    chunk.data ??= data;
    const same = (chunk.length ?? data.byteLength) === data.byteLength;
    // Without an error the Writable would wait for bytes that it has counted.
    settle(same ? chunk.done : Promise.reject(changed('Writing')), (error) => {
      callback(error);
      this.#offerRoom();
    });
    void this.#accept();
  }

  /** @internal */
  override _final(callback: (error?: Error | null) => void): void {
    settle(this.#finish(), callback);
  }

  /** @internal */
  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#operations.close().then(() => {
      this.#writer.close();
      callback(error);
    });
  }

  /** A Writable emits `drain` when it is empty. Here the operations would then have nothing to do until more arrives. */
  #offerRoom(): void {
    if (this.writableNeedDrain && this.writableLength > 0 && this.writableLength < this.writableHighWaterMark)
      this.emit('drain');
  }

  #add(data?: Uint8Array): Chunk {
    const chunk = new Chunk(data);
    this.#coming.push(chunk);
    return chunk;
  }

  /** Accepts chunks, up to one whose data is not known yet. */
  async #accept(): Promise<void> {
    if (this.#accepting) return;
    this.#accepting = true;
    for (;;) {
      const chunk = this.#coming[0];
      if (chunk?.data === undefined) break;
      this.#coming.shift();
      try {
        const { done } = await this.#writer.accept(chunk.data);
        done.then(() => chunk.resolve(), chunk.reject);
      } catch (error) {
        chunk.reject(error);
        // The stream ends with this chunk's callback: what follows is not written.
        return;
      }
    }
    this.#accepting = false;
  }

  async #finish(): Promise<void> {
    await this.#writer.finish();
    if (this.#plan.flush) await this.#operations.add(this.#flush());
  }
}

/** The bytes of a chunk as the Writable counts them; undefined when it has to convert or reject the chunk. */
function bytesNow(data: unknown): Uint8Array | undefined {
  try {
    return data instanceof Uint8Array ? plainBytesOf(data, 'chunk') : undefined;
  } catch {
    return undefined;
  }
}

/** Calls back with the outcome. The callback also runs listeners and callbacks of the program. */
function settle(work: Promise<void>, callback: (error?: Error | null) => void): void {
  work
    .then(
      () => callback(),
      (error) => callback(codedError('The write stream failed', error)),
    )
    .catch(throwUncaught);
}
