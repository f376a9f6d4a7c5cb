// Writing a namespace as a stream.

import { Writable } from 'node:stream';
import { codedError, SpdkError } from '../errors/spdk-error.js';
import { throwUncaught } from '../internal/event-loop.js';
import { Outcome } from '../internal/pending-call.js';
import type { DmaMemory } from '../io/dma-memory.js';
import type { OperationOptions } from '../io/operation-options.js';
import { plainBytesOf } from '../options/buffers.js';
import { type ByteAccess, changed, noSpace } from './byte-access.js';
import { StreamOperations } from './operations.js';
import { StagePool } from './stages.js';
import { partEnd, type StreamPlan } from './stream-options.js';

/** One operation, until all earlier ones have ended too. */
interface Part {
  readonly bytes: number;
  done: boolean;
}

/** @internal What a write stream needs of its namespace. */
export interface WriteStreamServices {
  readonly memory: DmaMemory;
  readonly flush: (options: OperationOptions) => Promise<void>;
}

/** A stream to a namespace; see `namespace.createWriteStream`. */
export class NamespaceWriteStream extends Writable {
  /** Bytes that were written from the start without a gap. */
  bytesWritten = 0;
  readonly #access: ByteAccess;
  readonly #plan: StreamPlan;
  readonly #operations: StreamOperations;
  readonly #stages: StagePool;
  readonly #flush: () => Promise<void>;
  readonly #parts: Part[] = [];
  readonly #gone = new Outcome<void>();
  /** The buffer that is being filled: the position of its first byte, and its length. */
  #stage: Uint8Array | undefined;
  #position: number;
  #filled = 0;

  private constructor(access: ByteAccess, plan: StreamPlan, { memory, flush }: WriteStreamServices) {
    super({ highWaterMark: plan.chunkBytes });
    this.#access = access;
    this.#plan = plan;
    this.#position = plan.start;
    this.#stages = new StagePool(memory, plan, plan.concurrency);
    this.#operations = new StreamOperations(plan, 'writes');
    this.#flush = () => flush(this.#operations.options);
    this.#operations.heed('The write stream', (error) => this.destroy(error));
  }

  /** @internal */
  static create(access: ByteAccess, plan: StreamPlan, services: WriteStreamServices): NamespaceWriteStream {
    return new NamespaceWriteStream(access, plan, services);
  }

  /** @internal Resolves when it is closed. Unlike the event `close` it does not depend on the program's `removeAllListeners()`. */
  get gone(): Promise<void> {
    return this.#gone.promise;
  }

  /** @internal Whether data was accepted that is not written: in the stream, in the buffer that is being filled, or on the way. */
  get hasUnwritten(): boolean {
    return this.writableLength > 0 || this.#filled > 0 || this.#parts.length > 0;
  }

  /** @internal */
  override _write(chunk: Buffer, _: BufferEncoding, callback: (error?: Error | null) => void): void {
    settle(this.#accept(chunk), callback);
  }

  /** @internal */
  override _final(callback: (error?: Error | null) => void): void {
    settle(this.#finish(), callback);
  }

  /** @internal */
  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#operations.close().then(() => {
      this.#stages.close();
      callback(error);
      this.#gone.resolve();
    });
  }

  /** Copies the data; resolves when there is room for more. */
  async #accept(chunk: Uint8Array): Promise<void> {
    const bytes = plainBytesOf(chunk, 'chunk');
    const length = bytes.byteLength;
    const { end } = this.#plan;
    const from = this.#position + this.#filled;
    const what = `Writing ${length} bytes at ${from}`;
    if (from + length > end) throw noSpace(what, `of the stream, ${end}`);
    for (let taken = 0; taken < length; ) {
      this.#stage ??= await this.#stages.take();
      // Its memory may be that of a write which has timed out, and which the controller may still carry out.
      if (this.destroyed)
        throw this.errored ?? new SpdkError('ERR_SPDK_ABORTED', `${what}: the stream was destroyed`);
      if (bytes.byteLength !== length) throw changed(what);
      const room = partEnd(this.#position, this.#plan, this.#access.disk.blockSize) - this.#position;
      const part = bytes.subarray(taken, taken + room - this.#filled);
      this.#stage.set(part, this.#filled);
      this.#filled += part.byteLength;
      taken += part.byteLength;
      if (this.#filled === room) this.#send(this.#stage);
    }
  }

  async #finish(): Promise<void> {
    if (this.#stage && this.#filled > 0) this.#send(this.#stage);
    await this.#operations.all();
    if (this.#plan.flush) await this.#operations.add(this.#flush());
  }

  /** Begins to write the filled buffer. The next one may follow before this has ended. */
  #send(stage: Uint8Array): void {
    const part = { bytes: this.#filled, done: false };
    const data = stage.subarray(0, part.bytes);
    const writing = this.#access.write(data, this.#position, this.#operations.options);
    this.#parts.push(part);
    this.#stage = undefined;
    this.#position += part.bytes;
    this.#filled = 0;
    this.#operations.add(writing).then(
      () => {
        part.done = true;
        this.#count();
        this.#stages.give(stage);
      },
      (error) => {
        this.destroy(codedError('The write stream failed', error));
        this.#stages.give(stage);
      },
    );
  }

  #count(): void {
    while (this.#parts[0]?.done) this.bytesWritten += this.#parts.shift()?.bytes ?? 0;
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
