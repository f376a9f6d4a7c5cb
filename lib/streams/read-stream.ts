// Reading a namespace as a stream.

import { Readable } from 'node:stream';
import { codedError } from '../errors/spdk-error.js';
import { throwUncaught } from '../internal/event-loop.js';
import { Outcome } from '../internal/pending-call.js';
import type { DmaMemory } from '../io/dma-memory.js';
import { type ByteAccess, changed } from './byte-access.js';
import { ChunkMemory, type ChunkSource } from './chunk-memory.js';
import { StreamOperations } from './operations.js';
import { ReusedChunks } from './reused-chunks.js';
import { partEnd, type StreamPlan } from './stream-options.js';

/** A stream of the data of a namespace; see `namespace.createReadStream`. */
export class NamespaceReadStream extends Readable {
  /** Bytes that the stream has passed on. */
  bytesRead = 0;
  readonly #access: ByteAccess;
  readonly #plan: StreamPlan;
  readonly #operations: StreamOperations;
  readonly #memory: ChunkSource;
  /** Chunks that are being read or have been read, in order. */
  readonly #ahead: Promise<Buffer>[] = [];
  readonly #gone = new Outcome<void>();
  #position: number;

  private constructor(access: ByteAccess, plan: StreamPlan, memory: DmaMemory, encoding?: BufferEncoding) {
    const { reuseAfterChunks } = plan;
    super({ highWaterMark: plan.chunkBytes, ...(encoding === undefined ? {} : { encoding }) });
    this.#access = access;
    this.#plan = plan;
    this.#memory =
      reuseAfterChunks === undefined ? new ChunkMemory() : new ReusedChunks(memory, plan, reuseAfterChunks);
    this.#position = plan.start;
    this.#operations = new StreamOperations(plan, 'reads');
    this.#operations.heed('The read stream', (error) => this.destroy(error));
  }

  /** @internal */
  static create(
    access: ByteAccess,
    plan: StreamPlan,
    memory: DmaMemory,
    encoding?: BufferEncoding,
  ): NamespaceReadStream {
    return new NamespaceReadStream(access, plan, memory, encoding);
  }

  /** @internal Resolves when it is closed. Unlike the event `close` it does not depend on the program's `removeAllListeners()`. */
  get gone(): Promise<void> {
    return this.#gone.promise;
  }

  /** @internal */
  override _read(): void {
    // Of what was passed on, the stream keeps a part for its consumer.
    this.#memory.consumed(this.bytesRead - this.readableLength);
    this.#readAhead();
    const next = this.#ahead.shift();
    if (!next) {
      this.push(null);
      return;
    }
    next
      .then(
        (chunk) => {
          if (this.destroyed) return;
          this.bytesRead += chunk.byteLength;
          this.#memory.pass(chunk, this.bytesRead);
          this.push(chunk);
        },
        (error) => this.destroy(codedError('The read stream failed', error)),
      )
      .catch(throwUncaught);
  }

  /** @internal */
  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#ahead.length = 0;
    this.#memory.close();
    this.#operations.close().then(() => {
      callback(error);
      this.#gone.resolve();
    });
  }

  /** The maximum of outstanding and kept chunks. */
  #readAhead(): void {
    const { end, concurrency } = this.#plan;
    while (this.#position < end && this.#ahead.length < concurrency) {
      const chunkEnd = partEnd(this.#position, this.#plan, this.#access.disk.blockSize);
      const chunk = this.#read(this.#position, chunkEnd - this.#position);
      // The stream may never wait for this chunk.
      chunk.catch(() => {});
      this.#ahead.push(this.#operations.add(chunk));
      this.#position = chunkEnd;
    }
  }

  async #read(position: number, length: number): Promise<Buffer> {
    const chunk = this.#memory.take(length);
    await this.#access.read(chunk, position, this.#operations.options);
    // Memory that is used again may have been transferred meanwhile by a consumer that has seen it.
    if (chunk.byteLength !== length) throw changed(`Reading ${length} bytes at ${position}`);
    return chunk;
  }
}
