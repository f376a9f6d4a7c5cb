// Reading and writing any bytes of a disk that knows whole blocks only.

import { constants } from 'node:os';
import { SpdkError } from '../errors/spdk-error.js';
import { eventLoop } from '../internal/event-loop.js';
import type { OperationOptions, TransferOptions } from '../io/operation-options.js';
import { invalidBuffer } from '../options/buffers.js';
import { timeoutUntil } from '../options/common.js';
import { RangeLock } from './range-lock.js';

/** What has whole blocks: a namespace. */
export interface BlockDisk {
  readonly bytes: number;
  readonly blockSize: number;
  read(target: Uint8Array, options: TransferOptions): Promise<unknown>;
  write(source: Uint8Array, options: TransferOptions): Promise<void>;
  readv(targets: readonly Uint8Array[], options: TransferOptions): Promise<unknown>;
  writev(sources: readonly Uint8Array[], options: TransferOptions): Promise<void>;
}

/** Where a range lies in whole blocks. */
interface Blocks {
  readonly first: number;
  /** The byte after the last block. */
  readonly end: number;
  /** Bytes of the first block before the range, and of the last one after it. */
  readonly before: number;
  readonly after: number;
}

/**
 * The bytes of a disk. A write that covers a block in part reads that block first and writes it back whole; all writes
 * through here, by the same disk object, take turns at a block, so that none loses what another one wrote.
 */
export class ByteAccess {
  readonly disk: BlockDisk;
  readonly #lock: RangeLock;

  constructor(disk: BlockDisk) {
    this.disk = disk;
    this.#lock = RangeLock.of(disk);
  }

  /** Fills the target from the position; all of it must be on the disk. */
  async read(target: Uint8Array, position: number, options: OperationOptions): Promise<void> {
    const blocks = this.#blocks(position, target.byteLength);
    if (blocks.before === 0 && blocks.after === 0) {
      await this.disk.read(target, at(position, options));
      return;
    }
    const parts = new Edges(target, blocks, this.disk.blockSize);
    await this.disk.readv(parts.whole, at(blocks.first, options));
    parts.copyOut();
  }

  /**
   * Writes the source to the position. `timeoutMs` is the limit of all of it: waiting for other writers, reading the
   * blocks at the edges, and writing.
   * @throws {SpdkError} ERR_SPDK_OUT_OF_RANGE with the errno ENOSPC when it does not fit, with nothing written
   */
  write(source: Uint8Array, position: number, options: OperationOptions): Promise<void> {
    const length = source.byteLength;
    const what = `Writing ${length} bytes at ${position}`;
    if (position + length > this.disk.bytes)
      return Promise.reject(noSpace(what, `of the namespace, ${this.disk.bytes}`));
    const blocks = this.#blocks(position, length);
    const left = countdown(options);
    const limits = { what, timeoutMs: options.timeoutMs, signal: options.signal };
    return this.#lock.hold(blocks.first, blocks.end, limits, async () => {
      if (blocks.before === 0 && blocks.after === 0) {
        if (source.byteLength !== length) throw changed(what);
        return this.disk.write(source, at(position, left()));
      }
      const parts = new Edges(source, blocks, this.disk.blockSize);
      await this.#readEdges(parts, blocks, left);
      if (source.byteLength !== length) throw changed(what);
      parts.copyIn();
      return this.disk.writev(parts.whole, at(blocks.first, left()));
    });
  }

  /** As {@link read}, into several buffers one after the other. */
  async readv(targets: readonly Uint8Array[], position: number, options: OperationOptions): Promise<void> {
    const length = targets.reduce((sum, { byteLength }) => sum + byteLength, 0);
    if (this.#isAligned(position, length)) {
      await this.disk.readv(targets, at(position, options));
      return;
    }
    const all = new Uint8Array(length);
    await this.read(all, position, options);
    try {
      let from = 0;
      for (const target of targets) {
        target.set(all.subarray(from, from + target.byteLength));
        from += target.byteLength;
      }
    } catch {
      throw changed('Reading');
    }
  }

  /** As {@link write}, of several buffers one after the other. */
  async writev(sources: readonly Uint8Array[], position: number, options: OperationOptions): Promise<void> {
    const length = sources.reduce((sum, { byteLength }) => sum + byteLength, 0);
    if (!this.#isAligned(position, length))
      return this.write(Buffer.concat(sources, length), position, options);
    const what = `Writing ${length} bytes at ${position}`;
    const left = countdown(options);
    const limits = { what, timeoutMs: options.timeoutMs, signal: options.signal };
    return this.#lock.hold(position, position + length, limits, () =>
      this.disk.writev(sources, at(position, left())),
    );
  }

  #isAligned(position: number, length: number): boolean {
    const { before, after } = this.#blocks(position, length);
    return before === 0 && after === 0;
  }

  async #readEdges({ head, tail }: Edges, blocks: Blocks, left: () => OperationOptions): Promise<void> {
    const reads = [];
    if (head) reads.push(this.disk.read(head, at(blocks.first, left())));
    if (tail) reads.push(this.disk.read(tail, at(blocks.end - this.disk.blockSize, left())));
    // Both reads have to end before another writer has the blocks.
    for (const outcome of await Promise.allSettled(reads)) {
      if (outcome.status === 'rejected') throw outcome.reason;
    }
  }

  #blocks(position: number, length: number): Blocks {
    const { blockSize } = this.disk;
    const first = Math.floor(position / blockSize) * blockSize;
    const end = Math.ceil((position + length) / blockSize) * blockSize;
    return { first, end, before: position - first, after: end - position - length };
  }
}

/** A buffer between blocks that it covers in part: the whole blocks at its edges are in memory of their own. */
class Edges {
  readonly head: Uint8Array | undefined;
  readonly tail: Uint8Array | undefined;
  /** All of the range in whole blocks. */
  readonly whole: readonly Uint8Array[];
  readonly #data: Uint8Array;
  readonly #before: number;
  readonly #inHead: number;
  readonly #inTail: number;

  constructor(data: Uint8Array, { first, end, before, after }: Blocks, blockSize: number) {
    const length = data.byteLength;
    const single = end - first === blockSize;
    const hasTail = after > 0 && !(single && before > 0);
    this.#data = data;
    this.#before = before;
    this.#inHead = before > 0 ? Math.min(blockSize - before, length) : 0;
    this.#inTail = hasTail ? blockSize - after : 0;
    this.head = before > 0 ? new Uint8Array(blockSize) : undefined;
    this.tail = hasTail ? new Uint8Array(blockSize) : undefined;
    const middle = data.subarray(this.#inHead, length - this.#inTail);
    const parts = [this.head, middle.byteLength > 0 ? middle : undefined, this.tail];
    this.whole = parts.filter((part) => part !== undefined);
  }

  /** Copies from the data to the blocks at the edges. */
  copyIn(): void {
    this.head?.set(this.#data.subarray(0, this.#inHead), this.#before);
    this.tail?.set(this.#data.subarray(this.#data.byteLength - this.#inTail));
  }

  /** Copies from the blocks at the edges to the data. */
  copyOut(): void {
    const { head, tail } = this;
    try {
      if (head) this.#data.set(head.subarray(this.#before, this.#before + this.#inHead));
      if (tail) this.#data.set(tail.subarray(0, this.#inTail), this.#data.byteLength - this.#inTail);
    } catch {
      throw changed('Reading');
    }
  }
}

/** The options with the rest of their time. */
function countdown(options: OperationOptions): () => OperationOptions {
  const { timeoutMs } = options;
  if (timeoutMs === undefined) return () => options;
  const end = eventLoop.now() + timeoutMs;
  return () => ({ ...options, timeoutMs: timeoutUntil(end) });
}

/** The options with an offset. Without any others they are of the short form, which is read faster. */
function at(offset: number, options: OperationOptions): TransferOptions {
  const { queuePair, signal, timeoutMs, onTimeout } = options;
  const limited = signal !== undefined || timeoutMs !== undefined || onTimeout !== undefined;
  return queuePair === undefined && !limited
    ? { offset }
    : { offset, queuePair, signal, timeoutMs, onTimeout };
}

/** The error for data that vanished before it was copied. */
export function changed(what: string): SpdkError {
  return invalidBuffer(`${what}: the buffer was detached or shrunk before its data was copied`);
}

/** The error that a file system calls ENOSPC. @param end of what, and where, as in 'of the namespace, 4096' */
export function noSpace(what: string, end: string): SpdkError {
  return new SpdkError(
    'ERR_SPDK_OUT_OF_RANGE',
    `${what} extends past the end ${end}; none of it was written`,
    { errno: constants.errno.ENOSPC },
  );
}
