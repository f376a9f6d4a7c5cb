import { isDeepStrictEqual } from 'node:util';
import { checkInteger, readOptions } from './arguments.js';
import type { BounceChunk } from './bounce-pool.js';
import type { Controller } from './controller.js';
import { type DmaRegion, regionOf } from './dma-memory.js';
import { SpdkError, SpdkTypeError } from './errors.js';
import { type IoLimits, IoRequest } from './io-request.js';
import {
  type NamespaceInfo,
  type NamespaceProtection,
  native,
  type OptimalSizes,
  type SupportedCommands,
} from './native.js';
import { checkSignal, maxTimerMs } from './options.js';
import { QueuePair } from './queue-pair.js';
import { operations, type Segment, segmentsPerCommand } from './ring.js';

/** What every operation takes. */
export interface OperationOptions {
  /** One of `controller.queuePairs`. Default: the one with the fewest operations pending. */
  readonly queuePair?: QueuePair | undefined;
  /** Answers with ERR_SPDK_TIMEOUT after so many milliseconds. Default: no limit but the controller's. */
  readonly timeoutMs?: number | undefined;
  /** Answers with ERR_SPDK_ABORTED when it fires. */
  readonly signal?: AbortSignal | undefined;
}

/** What operations on a place in a namespace take. */
export interface TransferOptions extends OperationOptions {
  /** Where, in bytes; a multiple of the block size. */
  readonly offset: number;
}

/** What operations on a range without data take. */
export interface RangeOptions extends TransferOptions {
  /** How much, in bytes; a multiple of the block size. */
  readonly length: number;
}

/** A command on an I/O queue that this package does not interpret. */
export interface RawIoCommand {
  readonly opcode: number;
  /** CDW10 to CDW15. */
  readonly cdw?: readonly number[] | undefined;
  /** Data to send, or room for the data that comes back; which of the two the opcode's lowest bits say. */
  readonly data?: NodeJS.ArrayBufferView | undefined;
}

/** Commands that came to SPDK later than the oldest release that this package works with. */
const sinceRelease: { readonly [Command in keyof SupportedCommands]?: { release: number; name: string } } = {
  verify: { release: 2209, name: 'v22.09' },
};

/** Most blocks of one Write Zeroes or Verify command, whose count has 16 bits. */
const mostBlocks = 65_536;
/** Most blocks of one range of Dataset Management: a power of two that its 32 bits hold. */
const mostBlocksOfRange = 2 ** 31;

const limitKeys = ['queuePair', 'timeoutMs', 'signal'] as const;

/**
 * A namespace of an attached controller. Offsets and lengths are in bytes. Buffers of `env.allocate()` are used
 * where they are; the contents of any other are copied, so that those may be detached or resized at any time.
 *
 * An operation that is aborted or times out answers its caller at once; the controller may still carry it out, and
 * a read into DMA memory may still arrive, until the controller is detached.
 */
export class Namespace implements NamespaceInfo {
  readonly controller: Controller;
  readonly id: number;
  readonly blocks: number;
  readonly blockSize: number;
  readonly metadataSize: number;
  readonly metadata: NamespaceInfo['metadata'];
  readonly protection: NamespaceProtection;
  readonly optimal: OptimalSizes;
  readonly supports: SupportedCommands;
  readonly nguid: string;
  readonly eui64: string;
  /** The capacity in bytes. */
  readonly bytes: number;
  readonly #info: NamespaceInfo;

  /** @internal */
  constructor(controller: Controller, info: NamespaceInfo) {
    this.controller = controller;
    this.id = info.id;
    this.blocks = info.blocks;
    this.blockSize = info.blockSize;
    this.metadataSize = info.metadataSize;
    this.metadata = info.metadata;
    this.protection = Object.freeze(info.protection);
    this.optimal = Object.freeze(info.optimal);
    this.supports = Object.freeze(info.supports);
    this.nguid = info.nguid;
    this.eui64 = info.eui64;
    this.bytes = info.blocks * info.blockSize;
    this.#info = info;
    Object.defineProperty(this, 'controller', { enumerable: false });
    Object.freeze(this);
  }

  /** @internal Whether the controller still describes it so. */
  is(info: NamespaceInfo): boolean {
    return isDeepStrictEqual(this.#info, info);
  }

  /**
   * Reads as many bytes as the buffer has. Resolves with the buffer.
   * @throws {SpdkError} ERR_SPDK_UNALIGNED, ERR_SPDK_OUT_OF_RANGE, ERR_SPDK_INVALID_BUFFER,
   *   ERR_SPDK_NAMESPACE_GONE, ERR_SPDK_FOREIGN_QUEUE_PAIR, ERR_SPDK_QUEUE_FULL or ERR_SPDK_QUEUE_IN_USE at once,
   *   with nothing sent; ERR_SPDK_IO_FAILED with the controller's status; ERR_SPDK_TIMEOUT, ERR_SPDK_ABORTED
   */
  read<Target extends NodeJS.ArrayBufferView>(target: Target, options: TransferOptions): Promise<Target> {
    try {
      const bytes = bytesOf(target, 'buffer');
      if ((bytes.buffer as { immutable?: boolean }).immutable)
        throw invalidBuffer('The buffer cannot be written');
      const request = this.#transfer('Reading', operations.read, bytes.byteLength, options);
      this.#into(request, bytes);
      request.value = target;
      return request.queuePair.run(request);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Writes the whole buffer. As `read`. */
  write(source: NodeJS.ArrayBufferView, options: TransferOptions): Promise<void> {
    try {
      return this.#send('Writing', operations.write, source, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Compares the buffer with what is there; ERR_SPDK_IO_FAILED with "Compare Failure" when they differ. As for other
   * optional commands, ERR_SPDK_UNSUPPORTED unless {@link supports} has it.
   */
  async compare(source: NodeJS.ArrayBufferView, options: TransferOptions): Promise<void> {
    this.#require('compare', 'Compare');
    return this.#send('Comparing', operations.compare, source, options);
  }

  /** Reads into several buffers, one after the other. Resolves with them. */
  async readv<Target extends NodeJS.ArrayBufferView>(
    targets: readonly Target[],
    options: TransferOptions,
  ): Promise<readonly Target[]> {
    const parts = this.#parts(targets);
    const request = this.#transfer('Reading', operations.read, total(parts), options);
    if (!this.#segments(request, parts)) this.#scatter(request, parts);
    request.value = targets;
    return request.queuePair.run(request);
  }

  /** Writes several buffers, one after the other. */
  async writev(sources: readonly NodeJS.ArrayBufferView[], options: TransferOptions): Promise<void> {
    const parts = this.#parts(sources);
    const request = this.#transfer('Writing', operations.write, total(parts), options);
    if (!this.#segments(request, parts)) this.#gather(request, parts);
    return request.queuePair.run(request);
  }

  /** Makes everything written before durable. */
  async flush(options?: OperationOptions): Promise<void> {
    const limits = this.#limits(readOptions(options, 'flush options', limitKeys));
    this.check(0, 0);
    return limits.queuePair.run(new IoRequest('Flushing', operations.flush, this, 0, 0, limits));
  }

  /** Writes zeroes without sending any. Where that takes several commands, they follow each other. */
  async writeZeroes(options: RangeOptions): Promise<void> {
    this.#require('writeZeroes', 'Write Zeroes');
    return this.#range('Writing zeroes to', operations.writeZeroes, mostBlocks, options);
  }

  /** Has the controller read a range and check that it is whole, without transferring it. As `writeZeroes`. */
  async verify(options: RangeOptions): Promise<void> {
    this.#require('verify', 'Verify');
    return this.#range('Verifying', operations.verify, mostBlocks, options);
  }

  /** Tells the controller that a range is not needed any more (Dataset Management). What it then reads as is up to it. */
  async deallocate(options: RangeOptions): Promise<void> {
    this.#require('deallocate', 'Dataset Management');
    return this.#range('Deallocating', operations.deallocate, mostBlocksOfRange, options);
  }

  /**
   * Sends a command that this package does not interpret to an I/O queue, with this namespace's id.
   * @returns dword 0 of the completion; data that came back is in `data`
   */
  async raw(command: RawIoCommand, options?: OperationOptions): Promise<number> {
    const given = readOptions(command, 'command', ['opcode', 'cdw', 'data']);
    const opcode = checkInteger(given.get('opcode'), 'opcode', 0, 0xff);
    const dwords = checkDwords(given.get('cdw'));
    const limits = this.#limits(readOptions(options, 'raw options', limitKeys));
    this.check(0, 0);
    const data = command.data === undefined ? undefined : bytesOf(command.data, 'data');
    const request = new IoRequest(`Command ${opcode}`, operations.raw, this, 0, 0, limits);
    request.raw = { opcode, dwords, length: data?.byteLength ?? 0 };
    const toHost = (opcode & 2) !== 0;
    if (data && toHost) this.#into(request, data);
    else if (data) this.#from(request, data);
    return request.queuePair.run(request);
  }

  /**
   * @internal The first block of a range.
   * @throws {SpdkError} ERR_SPDK_UNALIGNED, ERR_SPDK_OUT_OF_RANGE, ERR_SPDK_NAMESPACE_GONE
   */
  check(offset: number, length: number): number {
    const { blockSize } = this;
    if (!this.controller.has(this)) this.#gone();
    if (offset % blockSize !== 0 || length % blockSize !== 0) this.#unaligned(offset, length);
    if (!(offset >= 0 && length >= 0 && offset + length <= this.bytes)) this.#outOfRange(offset, length);
    return offset / blockSize;
  }

  /**
   * @internal As {@link check}, for commands that transfer the namespace's data.
   * @throws {SpdkError} also ERR_SPDK_UNSUPPORTED
   */
  checkTransfer(offset: number, length: number): number {
    if (this.metadataSize > 0) this.#hasMetadata();
    return this.check(offset, length);
  }

  #hasMetadata(): never {
    throw new SpdkError(
      'ERR_SPDK_UNSUPPORTED',
      `A block of namespace ${this.id} carries ${this.metadataSize} bytes of ${this.metadata} metadata, which this package does not transfer`,
    );
  }

  #require(command: keyof SupportedCommands, name: string): void {
    if (this.supports[command]) return;
    const { major, minor, text } = native().version;
    const since = sinceRelease[command];
    const why =
      since && major * 100 + minor < since.release
        ? `${text}, which the addon was built with, cannot send ${name}; ${since.name} and later can`
        : `The controller does not support ${name}`;
    throw new SpdkError('ERR_SPDK_UNSUPPORTED', why);
  }

  #gone(): never {
    throw new SpdkError(
      'ERR_SPDK_NAMESPACE_GONE',
      `Namespace ${this.id} is gone or has changed; see controller.namespaces`,
    );
  }

  #unaligned(offset: number, length: number): never {
    throw new SpdkError(
      'ERR_SPDK_UNALIGNED',
      `offset (${offset}) and length (${length}) must be multiples of the block size, ${this.blockSize} bytes`,
    );
  }

  #outOfRange(offset: number, length: number): never {
    throw new SpdkError(
      'ERR_SPDK_OUT_OF_RANGE',
      `${length} bytes at ${offset} reach past the end of the namespace, which has ${this.bytes} bytes`,
    );
  }

  #send(
    verb: string,
    operation: number,
    source: NodeJS.ArrayBufferView,
    options: TransferOptions,
  ): Promise<void> {
    const bytes = bytesOf(source, 'buffer');
    const request = this.#transfer(verb, operation, bytes.byteLength, options);
    this.#from(request, bytes);
    return request.queuePair.run(request);
  }

  async #range(verb: string, operation: number, most: number, options: RangeOptions): Promise<void> {
    const given = readOptions(options, 'options', ['offset', 'length', ...limitKeys]);
    const offset = checkInteger(given.get('offset'), 'offset', 0, Number.MAX_SAFE_INTEGER, 'bytes');
    const length = checkInteger(given.get('length'), 'length', 1, Number.MAX_SAFE_INTEGER, 'bytes');
    const limits = this.#limits(given);
    const { timeoutMs } = limits;
    this.check(offset, length);
    const { blockSize } = this;
    const begun = performance.now();
    for (let done = 0; done < length; done += most * blockSize) {
      // The time limit is that of the whole operation.
      const passed = Math.floor(performance.now() - begun);
      const left = timeoutMs === undefined ? undefined : Math.max(1, timeoutMs - passed);
      const part = Math.min(most * blockSize, length - done);
      if (done > 0) this.check(offset, length);
      const now = { ...limits, timeoutMs: left };
      await now.queuePair.run(new IoRequest(verb, operation, this, offset + done, part, now));
    }
  }

  /** A request whose options have been checked, without its memory. */
  #transfer(verb: string, operation: number, length: number, options: unknown): IoRequest {
    let offset = onlyOffset(options);
    let limits: IoLimits;
    if (offset >= 0) {
      limits = {
        queuePair: this.controller.queuePairFor(undefined),
        signal: undefined,
        timeoutMs: undefined,
      };
    } else {
      const given = readOptions(options, 'options', ['offset', ...limitKeys]);
      offset = checkInteger(given.get('offset'), 'offset', 0, Number.MAX_SAFE_INTEGER, 'bytes');
      limits = this.#limits(given);
    }
    this.checkTransfer(offset, length);
    return new IoRequest(verb, operation, this, offset, length, limits);
  }

  #limits(given: ReadonlyMap<string, unknown>): IoLimits {
    const chosen = given.get('queuePair');
    const timeout = given.get('timeoutMs');
    const signal = given.get('signal');
    if (chosen !== undefined && !(chosen instanceof QueuePair)) {
      throw new SpdkTypeError('queuePair must be one of controller.queuePairs');
    }
    return {
      queuePair: this.controller.queuePairFor(chosen),
      signal: signal === undefined ? undefined : checkSignal(signal),
      timeoutMs:
        timeout === undefined ? undefined : checkInteger(timeout, 'timeoutMs', 1, maxTimerMs, 'milliseconds'),
    };
  }

  /** Where data comes from: the caller's DMA memory, or a chunk it is copied to. */
  #from(request: IoRequest, bytes: Uint8Array): void {
    if (!this.#direct(request, bytes)) this.#gather(request, [bytes]);
  }

  /** Where data goes: the caller's DMA memory, or a chunk it is copied from. */
  #into(request: IoRequest, bytes: Uint8Array): void {
    if (!this.#direct(request, bytes)) this.#scatter(request, [bytes]);
  }

  #gather(request: IoRequest, parts: readonly Uint8Array[]): void {
    const chunk = this.#chunk(request, total(parts));
    let at = chunk.offset;
    for (const part of parts) {
      chunk.region.bytes.set(part, at);
      at += part.byteLength;
    }
  }

  #scatter(request: IoRequest, parts: readonly Uint8Array[]): void {
    this.#chunk(request, total(parts));
    // Noted now: a buffer that is detached or shrunk meanwhile tells a length of its own.
    request.places = parts.map((part) => ({ part, length: part.byteLength }));
  }

  #chunk(request: IoRequest, length: number): BounceChunk {
    const chunk = this.controller.services.bounce.take(length);
    request.chunk = chunk;
    request.region = chunk.region;
    request.offset = chunk.offset;
    return chunk;
  }

  #direct(request: IoRequest, bytes: Uint8Array): boolean {
    const region = this.#ownRegion(bytes);
    if (!region) return false;
    request.region = region;
    request.offset = bytes.byteOffset;
    return true;
  }

  #ownRegion(bytes: Uint8Array): DmaRegion | undefined {
    const region = regionOf(bytes);
    if (region === undefined || region.owner !== this.controller.services.memory) return undefined;
    if (region.released) throw invalidBuffer('The buffer has been released');
    return region;
  }

  #parts(views: unknown): Uint8Array[] {
    if (!Array.isArray(views) || views.length === 0) {
      throw new SpdkTypeError('buffers must be an array of at least one buffer');
    }
    return views.map((view, i) => bytesOf(view, `buffers[${i}]`));
  }

  /** Several buffers as they are, when all are DMA memory and few enough for one command. */
  #segments(request: IoRequest, parts: readonly Uint8Array[]): boolean {
    if (parts.length > segmentsPerCommand) return false;
    const segments: Segment[] = [];
    const pinned: DmaRegion[] = [];
    for (const part of parts) {
      const region = this.#ownRegion(part);
      // A controller's list of memory has to change at block boundaries; else the data is copied together.
      if (!region || part.byteLength % this.blockSize !== 0) return false;
      segments.push({ region: region.id, offset: part.byteOffset, length: part.byteLength });
      pinned.push(region);
    }
    request.segments = segments;
    request.pinned = pinned;
    return true;
  }
}

/**
 * The offset of options that hold nothing else, which most do: it is read here without the cost of a list of what was
 * given. Anything else, and whatever is wrong, is -1 and for readOptions() to find out.
 */
function onlyOffset(options: unknown): number {
  try {
    if (typeof options !== 'object' || options === null) return -1;
    if (Object.getPrototypeOf(options) !== Object.prototype) return -1;
    for (const key in options) if (key !== 'offset') return -1;
    const { offset } = options as { offset: unknown };
    return Number.isSafeInteger(offset) ? (offset as number) : -1;
  } catch {
    return -1;
  }
}

/** The bytes of any view, without copying. */
function bytesOf(view: unknown, name: string): Uint8Array {
  if (!ArrayBuffer.isView(view))
    throw new SpdkTypeError(`${name} must be a Buffer, a TypedArray or a DataView`);
  if (view.byteLength === 0) throw invalidBuffer(`${name} is empty, or has been detached`);
  return view instanceof Uint8Array ? view : new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

function checkDwords(value: unknown): number[] {
  if (value === undefined) return [];
  if (!Array.isArray(value))
    throw new SpdkTypeError('cdw must be an array of up to six numbers, CDW10 to CDW15');
  checkInteger(value.length, 'the length of cdw', 0, 6);
  return value.map((dword, i) => checkInteger(dword, `cdw[${i}]`, 0, 0xffff_ffff));
}

function total(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, part) => sum + part.byteLength, 0);
}

function invalidBuffer(message: string): SpdkError {
  return new SpdkError('ERR_SPDK_INVALID_BUFFER', message);
}
