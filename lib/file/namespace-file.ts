// A namespace as a file: bytes at any offset, with the methods of FileHandle of node:fs/promises. Longer than other files, because
// half of it documents public methods, each in the forms of FileHandle.

import { constants as bufferConstants } from 'node:buffer';
import { constants } from 'node:os';
import { abortError, codedError, SpdkError } from '../errors/spdk-error.js';
import { asyncDispose } from '../internal/disposal.js';
import { heed, withEither } from '../internal/signals.js';
import type { DmaMemory } from '../io/dma-memory.js';
import { limitKeys, limitsOf, type OperationOptions } from '../io/operation-options.js';
import type { NamespaceOperations } from '../multipath/namespace-operations.js';
import { Namespace } from '../namespace.js';
import { checkBoolean, notOne, readOptions } from '../options/arguments.js';
import { allBytesOf, plainBytesOf } from '../options/buffers.js';
import { or } from '../options/common.js';
import { ByteAccess, noSpace } from '../streams/byte-access.js';
import { NamespaceReadStream } from '../streams/read-stream.js';
import { NamespaceWriteStream } from '../streams/write-stream.js';
import { SubsystemNamespace } from '../subsystem-namespace.js';
import {
  bytesOfData,
  checkPosition,
  type FileData,
  type FileReadOptions,
  isPieces,
  type PartOptions,
  readPart,
  readWholeFileOptions,
  type WholeFileOptions,
  writePart,
} from './arguments.js';
import {
  type FileReadStreamOptions,
  type FileStreamPlan,
  type FileWriteStreamOptions,
  fileStreamPlan,
} from './file-streams.js';
import { leavablePieces } from './pieces.js';
import { FileStats } from './stats.js';
import { checkTextLength, textOf } from './text.js';

/**
 * Options of `open`; all keys are optional, and apply to every operation of the file. `timeoutMs` is the limit of each. When the signal
 * fires, outstanding and later operations reject with ERR_SPDK_ABORTED, and open streams are destroyed.
 */
export interface OpenOptions extends OperationOptions {}

/**
 * A namespace as a file, created by {@link open}. It has the methods of `FileHandle` with their arguments and
 * results, reads and writes at any offset, and has a fixed size. Reads past the end return fewer bytes, or none; a
 * write past the end rejects with ERR_SPDK_OUT_OF_RANGE and the `errno` of ENOSPC, and writes nothing.
 *
 * All files and write streams of one namespace object take turns at a block: of two writes to parts of one
 * block, both survive. Writes by other means do not take turns.
 *
 * Methods fail with ERR_SPDK_FILE_CLOSED after `close()`, and with the errors of the namespace's operations.
 */
export class NamespaceFile implements AsyncDisposable {
  readonly namespace: NamespaceOperations;
  readonly #access: ByteAccess;
  readonly #options: OpenOptions;
  readonly #memory: DmaMemory;
  readonly #pending = new Set<Promise<unknown>>();
  readonly #streams = new Set<NamespaceReadStream | NamespaceWriteStream>();
  /** Fires when the file begins to close. */
  readonly #ending = new AbortController();
  #position = 0;
  #closing: Promise<void> | undefined;
  /** Whether a stream has closed that closes the file. */
  #closesWithStreams = false;

  private constructor(namespace: NamespaceOperations, options: OpenOptions, memory: DmaMemory) {
    this.#memory = memory;
    this.namespace = namespace;
    this.#access = new ByteAccess(namespace);
    this.#options = options;
  }

  /** @internal */
  static create(namespace: NamespaceOperations, options: OpenOptions, memory: DmaMemory): NamespaceFile {
    return new NamespaceFile(namespace, options, memory);
  }

  /**
   * Reads into the buffer. `bytesRead` is less than requested, or 0, at the end of the namespace. Without a position
   * it reads at the position of the file, which moves; concurrent calls each have their own part. A call that fails moves it back, unless
   * a later one has moved it.
   */
  read<Target extends NodeJS.ArrayBufferView>(
    buffer: Target,
    offset?: number | null,
    length?: number | null,
    position?: number | bigint | null,
  ): Promise<{ bytesRead: number; buffer: Target }>;
  read<Target extends NodeJS.ArrayBufferView>(
    buffer: Target,
    options?: PartOptions,
  ): Promise<{ bytesRead: number; buffer: Target }>;
  read<Target extends NodeJS.ArrayBufferView = Buffer>(
    options?: FileReadOptions<Target>,
  ): Promise<{ bytesRead: number; buffer: Target }>;
  read(
    first?: unknown,
    second?: unknown,
    length?: unknown,
    position?: unknown,
  ): Promise<{ bytesRead: number; buffer: NodeJS.ArrayBufferView }> {
    return this.#do(async () => {
      const { view, bytes, position: at } = readPart(first, second, length, position);
      const [from, there] = this.#rangeAt(at, bytes.byteLength);
      await this.#transfer(at, from, there, () =>
        this.#access.read(bytes.subarray(0, there), from, this.#options),
      );
      return { bytesRead: there, buffer: view };
    });
  }

  /** Writes all of the buffer, the part of it, or the string. Not durable before {@link sync}. */
  write<Source extends NodeJS.ArrayBufferView>(
    buffer: Source,
    offset?: number | null,
    length?: number | null,
    position?: number | bigint | null,
  ): Promise<{ bytesWritten: number; buffer: Source }>;
  write<Source extends NodeJS.ArrayBufferView>(
    buffer: Source,
    options?: PartOptions,
  ): Promise<{ bytesWritten: number; buffer: Source }>;
  write(
    text: string,
    position?: number | bigint | null,
    encoding?: BufferEncoding | null,
  ): Promise<{ bytesWritten: number; buffer: string }>;
  write(
    first: unknown,
    second?: unknown,
    third?: unknown,
    position?: unknown,
  ): Promise<{ bytesWritten: number; buffer: NodeJS.ArrayBufferView | string }> {
    return this.#do(async () => {
      const { view, bytes, position: at } = writePart(first, second, third, position);
      const length = bytes.byteLength;
      const from = this.#wholeRangeAt(at, length);
      await this.#transfer(at, from, length, () => this.#access.write(bytes, from, this.#options));
      return { bytesWritten: length, buffer: typeof first === 'string' ? first : view };
    });
  }

  /** Reads into several buffers, one after the other. */
  async readv<Target extends NodeJS.ArrayBufferView>(
    buffers: readonly Target[],
    position?: number | bigint | null,
  ): Promise<{ bytesRead: number; buffers: readonly Target[] }> {
    return this.#do(async () => {
      const at = checkPosition(position);
      const parts = allBytesOf(buffers, plainBytesOf, 0);
      const [from, there] = this.#rangeAt(at, total(parts));
      await this.#transfer(at, from, there, () => this.#access.readv(cut(parts, there), from, this.#options));
      return { bytesRead: there, buffers };
    });
  }

  /** Writes several buffers, one after the other. */
  async writev<Source extends NodeJS.ArrayBufferView>(
    buffers: readonly Source[],
    position?: number | bigint | null,
  ): Promise<{ bytesWritten: number; buffers: readonly Source[] }> {
    return this.#do(async () => {
      const at = checkPosition(position);
      const parts = allBytesOf(buffers, plainBytesOf, 0);
      const length = total(parts);
      const from = this.#wholeRangeAt(at, length);
      await this.#transfer(at, from, length, () =>
        this.#access.writev(cut(parts, length), from, this.#options),
      );
      return { bytesWritten: length, buffers };
    });
  }

  /**
   * The data from the position of the file to the end, in one Buffer or string.
   * @throws {SpdkError} ERR_SPDK_NO_MEMORY if that is more than a Buffer, a string or this process can hold
   */
  readFile(options?: (WholeFileOptions & { readonly encoding?: null | undefined }) | null): Promise<Buffer>;
  readFile(
    options: (WholeFileOptions & { readonly encoding: BufferEncoding }) | BufferEncoding,
  ): Promise<string>;
  readFile(options?: unknown): Promise<Buffer | string> {
    return this.#do(async () => {
      const { encoding, signal } = readWholeFileOptions(options, 'readFile options');
      if (signal?.aborted) throw abortError('Reading the file', signal);
      const length = Math.max(0, this.namespace.bytes - this.#position);
      if (encoding !== undefined) checkTextLength(length, encoding);
      const buffer = bufferOf(length);
      const [from, there] = this.#rangeAt(null, buffer.byteLength);
      await this.#transfer(null, from, there, () =>
        this.#with(signal, (limits) => this.#access.read(buffer, from, limits)),
      );
      return encoding === undefined ? buffer : textOf(buffer, encoding);
    });
  }

  /**
   * Writes all of the data at the position of the file, which moves. Of an iterable or a stream each piece is written before the next one
   * is taken; pieces before one that fails are written. A signal, or the close of the file, also ends the wait for a piece.
   */
  async writeFile(
    data: FileData | Iterable<FileData> | AsyncIterable<FileData>,
    options?: WholeFileOptions | BufferEncoding | null,
  ): Promise<void> {
    const { encoding, signal } = readWholeFileOptions(options, 'writeFile options');
    // Before the first piece is taken.
    if (this.#closing) throw closedError();
    const write = (piece: unknown) =>
      this.#do(async () => {
        if (signal?.aborted) throw abortError('Writing the file', signal);
        const bytes = bytesOfData(piece, encoding);
        const length = bytes.byteLength;
        const from = this.#wholeRangeAt(null, length);
        await this.#transfer(null, from, length, () =>
          this.#with(signal, (limits) => this.#access.write(bytes, from, limits)),
        );
      });
    if (!isPieces(data)) return write(data);
    const pieces = leavablePieces(data, (leave) => [
      ...[this.#options.signal, signal].flatMap((one) =>
        one ? heed(one, () => leave(abortError('Writing the file', one))) : [],
      ),
      heed(this.#ending.signal, () => leave(closedError())),
    ]);
    for await (const piece of pieces) await write(piece);
  }

  /** The size and the block size, as numbers. @throws {SpdkError} ERR_SPDK_UNSUPPORTED for `bigint: true` */
  stat(options?: { readonly bigint?: false | undefined }): Promise<FileStats> {
    return this.#do(async () => {
      const bigint = readOptions(options, 'stat options', ['bigint']).get('bigint');
      if (checkBoolean(or(bigint, false), 'bigint'))
        throw new SpdkError('ERR_SPDK_UNSUPPORTED', 'stat() returns numbers only: omit bigint');
      return new FileStats(this.namespace);
    });
  }

  /** Makes all earlier writes durable. */
  sync(): Promise<void> {
    return this.#do(() => this.namespace.flush(this.#options));
  }

  /** The same as {@link sync}, because a namespace has no metadata of a file. */
  datasync(): Promise<void> {
    return this.sync();
  }

  /** A `Readable`, as `createReadStream` of node:fs: `end` is inclusive, and the file is closed when all of its streams are. */
  createReadStream(options?: FileReadStreamOptions | BufferEncoding): NamespaceReadStream {
    const plan = this.#plan(options, 'read');
    return this.#adopt(NamespaceReadStream.create(this.#access, plan, this.#memory, plan.encoding), plan);
  }

  /** A `Writable`, as `createWriteStream` of node:fs: the file is closed when all of its streams are. */
  createWriteStream(options?: FileWriteStreamOptions | BufferEncoding): NamespaceWriteStream {
    const plan = this.#plan(options, 'write');
    const memory = this.#memory;
    const flush = (limits: OperationOptions) => this.namespace.flush(limits);
    const stream = NamespaceWriteStream.create(this.#access, plan, { memory, flush });
    if (plan.encoding !== undefined) stream.setDefaultEncoding(plan.encoding);
    return this.#adopt(stream, plan);
  }

  /**
   * Rejects new operations, destroys open streams, and waits for outstanding operations, whether they succeed or not.
   * A write stream with data that is not written fails with ERR_SPDK_FILE_CLOSED, because that is lost; other streams end without an error.
   * The namespace stays open, and nothing is flushed. May be called again.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#ending.abort();
    const ends = [...this.#streams].map(({ gone }) => gone);
    for (const stream of this.#streams) {
      const loses = stream instanceof NamespaceWriteStream && stream.hasUnwritten;
      if (!stream.closed) stream.destroy(loses ? closedError() : undefined);
    }
    await Promise.allSettled([...this.#pending, ...ends]);
  }

  /** Runs an operation: none is started on a closed file, and closing waits for it. */
  async #do<Result>(operation: () => Promise<Result>): Promise<Result> {
    if (this.#closing) throw closedError();
    const running = operation();
    this.#pending.add(running);
    try {
      return await running;
    } catch (error) {
      throw codedError('The operation failed', error);
    } finally {
      this.#pending.delete(running);
    }
  }

  /** Does the work with the options of the file, and a signal of its own. */
  #with(signal: AbortSignal | undefined, work: (limits: OperationOptions) => Promise<void>): Promise<void> {
    return withEither(this.#options.signal, signal, (either) => work({ ...this.#options, signal: either }));
  }

  /**
   * The start of an operation, and the length that the namespace has there. Moves the position of the file if that
   * is used.
   */
  #rangeAt(position: number | null, length: number): [from: number, there: number] {
    const from = position ?? this.#position;
    const there = Math.max(0, Math.min(length, this.namespace.bytes - from));
    if (position === null) this.#position += there;
    return [from, there];
  }

  /** Returns the start of an operation whose data must fit. */
  #wholeRangeAt(position: number | null, length: number): number {
    const from = position ?? this.#position;
    const { bytes } = this.namespace;
    if (length > bytes - from)
      throw noSpace(`Writing ${length} bytes at ${from}`, `of the namespace, ${bytes}`);
    return this.#rangeAt(position, length)[0];
  }

  /**
   * Transfers the data of a range. If that fails, the position of the file is where it was, so that a call that is made again has
   * the same start; unless a later call has moved it.
   */
  async #transfer(
    position: number | null,
    from: number,
    length: number,
    work: () => Promise<void>,
  ): Promise<void> {
    if (length === 0) return;
    try {
      await work();
    } catch (error) {
      if (position === null && this.#position === from + length) this.#position = from;
      throw error;
    }
  }

  #plan(options: unknown, direction: 'read' | 'write'): FileStreamPlan {
    if (this.#closing) throw closedError();
    return fileStreamPlan(options, direction, this.namespace, this.#position, this.#options);
  }

  #adopt<Stream extends NamespaceReadStream | NamespaceWriteStream>(
    stream: Stream,
    { autoClose }: FileStreamPlan,
  ): Stream {
    this.#streams.add(stream);
    void stream.gone.then(() => {
      this.#streams.delete(stream);
      this.#closesWithStreams ||= autoClose;
      // Another one may have data that is not written: all of it, where the file is copied within itself.
      if (this.#closesWithStreams && this.#streams.size === 0) void this.close();
    });
    return stream;
  }
}

/**
 * Opens a namespace as a file. Nothing is sent, and any number of files may be open at the same time.
 * @throws {SpdkTypeError} not a namespace
 * @throws {SpdkError} ERR_SPDK_UNKNOWN_OPTION, ERR_SPDK_INVALID_ARG_VALUE, ERR_SPDK_FOREIGN_QUEUE_PAIR;
 *   ERR_SPDK_NAMESPACE_GONE; ERR_SPDK_UNSUPPORTED for blocks with metadata
 */
export async function open(namespace: NamespaceOperations, options?: OpenOptions): Promise<NamespaceFile> {
  if (!(Namespace.isOne(namespace) || SubsystemNamespace.isOne(namespace))) {
    throw notOne(
      'namespace must be one of the namespaces of a controller or a subsystem',
      namespace,
      Namespace,
      SubsystemNamespace,
    );
  }
  const given = readOptions(options, 'open options', limitKeys);
  // The time limit also covers an operation of several commands.
  const { timeoutMs, signal, onTimeout } = limitsOf(given, namespace);
  namespace.checkBytes(true);
  const queuePair = given.get('queuePair') as OpenOptions['queuePair'];
  const settings = { queuePair, timeoutMs, signal, onTimeout };
  return NamespaceFile.create(namespace, settings, namespace.memory);
}

function bufferOf(bytes: number): Buffer {
  if (bytes > bufferConstants.MAX_LENGTH) {
    throw new SpdkError(
      'ERR_SPDK_NO_MEMORY',
      `${bytes} bytes are more than a Buffer holds; read them in parts`,
    );
  }
  try {
    return Buffer.allocUnsafeSlow(bytes);
  } catch (cause) {
    throw new SpdkError('ERR_SPDK_NO_MEMORY', `There is no memory for ${bytes} bytes; read them in parts`, {
      cause,
    });
  }
}

function total(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, part) => sum + part.byteLength, 0);
}

/** The parts up to a number of bytes, without empty ones. */
function cut(parts: readonly Uint8Array[], bytes: number): Uint8Array[] {
  let left = bytes;
  const pieces: Uint8Array[] = [];
  for (const part of parts) {
    const piece = part.subarray(0, left);
    if (piece.byteLength > 0) pieces.push(piece);
    left -= piece.byteLength;
  }
  return pieces;
}

function closedError(): SpdkError {
  return new SpdkError('ERR_SPDK_FILE_CLOSED', 'The file is closed; open the namespace again', {
    errno: constants.errno.EBADF,
  });
}
