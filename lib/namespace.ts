// A namespace: its operations, and the checks before they are sent. Longer than other files, because a third of it
// documents public methods.

import { isDeepStrictEqual } from 'node:util';
import type { Admin } from './admin.js';
import { codedError, SpdkError } from './errors/spdk-error.js';
import { traced, tracesIo } from './internal/tracing.js';
import { type CopyRange, checkSources, copyCommand, sourceList, totalOf } from './io/copy.js';
import { Pieces } from './io/data.js';
import type { DmaMemory } from './io/dma-memory.js';
import { checkDataAlone, protectRange, rangeBytes, setBlockData } from './io/metadata-options.js';
import { checkRange, goneError, metadataError, unsupportedError } from './io/namespace-errors.js';
import {
  type CopyOptions,
  type DataOptions,
  nothing,
  type OperationOptions,
  type QueueChooser,
  type RangeOptions,
  type RawIoCommand,
  readCopy,
  readLimits,
  readRange,
  readTransfer,
  type TransferFields,
} from './io/operation-options.js';
import { copied, direct, inSegments } from './io/placement.js';
import { IoRequest, type RequestLimits } from './io/request.js';
import type { IoLimits } from './io/submission-queue.js';
import { isOfLostPath } from './multipath/failure.js';
import type { NamespaceOperations } from './multipath/namespace-operations.js';
import type { NativeNamespaceInfo } from './native/contract.js';
import { ioOpcodes } from './native/ring-layout.js';
import { deviceIdOf } from './nvme/namespace-descriptors.js';
import { receivesData, sendsData } from './nvme/opcode.js';
import { type AdminOptions, checkLimits, rest } from './options/admin-command.js';
import { checkInteger, notItself, readOptions } from './options/arguments.js';
import { allBytesOf, bytesOf, checkWritable, invalidBuffer, writableBytesOf } from './options/buffers.js';
import { checkDwords } from './options/dwords.js';
import { Reservations } from './reservations.js';
import { ByteAccess } from './streams/byte-access.js';
import { chunksOf } from './streams/chunks.js';
import { NamespaceReadStream } from './streams/read-stream.js';
import {
  type ChunksOptions,
  type ReadStreamOptions,
  type StreamKind,
  type StreamPlan,
  streamPlan,
  type WriteStreamOptions,
} from './streams/stream-options.js';
import { NamespaceWriteStream } from './streams/write-stream.js';
import type {
  ControllerInfo,
  CopyLimits,
  NamespaceInfo,
  NamespaceProtection,
  OptimalSizes,
  SupportedCommands,
} from './types.js';
import { type ZoneCommand, Zones } from './zones.js';

export type { CopyRange } from './io/copy.js';
export type {
  CopyOptions,
  DataFlags,
  DataOptions,
  OperationOptions,
  RangeOptions,
  RawIoCommand,
  TransferOptions,
} from './io/operation-options.js';

/** The maximum of blocks of one Write Zeroes or Verify command, whose count has 16 bits. */
const maxBlocks = 65_536;
/** The maximum of blocks of one range of Dataset Management: a power of two within its 32 bits. */
const maxBlocksOfRange = 2 ** 31;
/** The length of a raw command's data has 32 bits. */
const maxRawBytes = 0xffff_ffff;

/** readTransfer() returns the offset here. */
const fields: TransferFields = { offset: 0, flags: 0, given: nothing };

/** What tracing calls the operations, as `TracingMessages` says. */
const operationNames = new Map<number, string>(
  Object.entries(ioOpcodes).map(([name, opcode]) => [opcode, name]),
);

/**
 * The operations of a namespace, whichever way they are sent: {@link Namespace} sends them to its controller,
 * {@link SubsystemNamespace} over one of several paths.
 */
export abstract class NamespaceCommands<Limits extends RequestLimits> implements NamespaceOperations {
  readonly id: number;
  readonly blocks: number;
  readonly blockSize: number;
  readonly metadataSize: number;
  readonly metadata: NamespaceInfo['metadata'];
  readonly protection: NamespaceProtection;
  readonly optimal: OptimalSizes;
  readonly supports: SupportedCommands;
  readonly compareAndWriteBlocks: number;
  readonly copyLimits: CopyLimits;
  readonly uuid: string;
  readonly nguid: string;
  readonly eui64: string;
  readonly deviceId: string;
  /** Which hosts may read and write the namespace. */
  readonly reservations: Reservations;
  /** Its zones, if it is a zoned namespace. */
  readonly zones: Zones;
  /** The capacity in bytes. */
  readonly bytes: number;

  /** @internal */
  protected constructor(info: NamespaceInfo, deviceId: string) {
    this.id = info.id;
    this.blocks = info.blocks;
    this.blockSize = info.blockSize;
    this.metadataSize = info.metadataSize;
    this.metadata = info.metadata;
    this.protection = Object.freeze(info.protection);
    this.optimal = Object.freeze(info.optimal);
    this.supports = Object.freeze(info.supports);
    this.compareAndWriteBlocks = info.compareAndWriteBlocks;
    this.copyLimits = Object.freeze(info.copyLimits);
    this.uuid = info.uuid;
    this.nguid = info.nguid;
    this.eui64 = info.eui64;
    this.deviceId = deviceId;
    this.reservations = Reservations.create(this);
    this.zones = Zones.create(this);
    this.bytes = info.blocks * info.blockSize;
  }

  /** @internal The tag that its commands have. */
  abstract get tag(): number;

  /** @internal The DMA memory of the environment. */
  abstract get memory(): DmaMemory;

  /** @internal Whether it is still as it was described. */
  abstract get known(): boolean;

  /** @internal The limits of an operation that gives none, on the chosen queue pair. */
  abstract limitsFor(queuePair: unknown): Limits;

  /** @internal The controllers that lead to it now. @throws {SpdkError} if there is none */
  abstract controllers(): readonly [NamespaceController, ...NamespaceController[]];

  /** @internal The controllers that can be asked now; those of paths that operations do not take, too. @throws {SpdkError} if there is none */
  connectedControllers(): readonly NamespaceController[] {
    return this.controllers();
  }

  /** @internal Sends an operation, whose arguments are checked. */
  abstract send<Value>(limits: Limits, request: IoRequest): Promise<Value>;

  /**
   * Fills the buffer from the namespace. Resolves with the buffer.
   * @throws {SpdkError} without sending anything: ERR_SPDK_UNALIGNED, ERR_SPDK_OUT_OF_RANGE, ERR_SPDK_INVALID_BUFFER,
   *   ERR_SPDK_NAMESPACE_GONE, ERR_SPDK_FOREIGN_QUEUE_PAIR, ERR_SPDK_QUEUE_FULL or ERR_SPDK_QUEUE_IN_USE; afterwards
   *   ERR_SPDK_IO_FAILED with the controller's status, ERR_SPDK_TIMEOUT or ERR_SPDK_ABORTED
   */
  read<Target extends NodeJS.ArrayBufferView>(target: Target, options: DataOptions): Promise<Target> {
    try {
      const limits = readTransfer(options, fields, this);
      const { offset, flags, given } = fields;
      // The options' getters may have done anything to the buffer: it is checked when none of them can run any more.
      const bytes = bytesOf(target, 'buffer');
      const length = rangeBytes(this, bytes.length, given);
      this.check(offset, length);
      const request = new IoRequest('Reading', ioOpcodes.read, this, offset, length, limits);
      request.flags = flags;
      // Asking an ArrayBuffer takes longer than all other checks, and DMA memory is writable.
      if (this.metadataSize > 0)
        setBlockData(request, this, checkWritable(bytes, 'buffer'), given, this.memory, true);
      else if (!direct(request, bytes, this.memory))
        copied(request, undefined, checkWritable(bytes, 'buffer'));
      request.value = target;
      return this.#run(limits, request);
    } catch (error) {
      return rejection(error, this);
    }
  }

  /** Writes the whole buffer. Rejects as `read`. */
  write(source: NodeJS.ArrayBufferView, options: DataOptions): Promise<void> {
    return this.sendData('Writing', ioOpcodes.write, source, options);
  }

  /**
   * Compares the buffer with the data in the namespace; rejects with ERR_SPDK_IO_FAILED and "Compare Failure" if they
   * differ. Like other optional commands it rejects with ERR_SPDK_UNSUPPORTED unless {@link supports} lists it.
   */
  async compare(source: NodeJS.ArrayBufferView, options: DataOptions): Promise<void> {
    this.requireCommand('compare', 'Compare');
    return this.sendData('Comparing', ioOpcodes.compare, source, options);
  }

  /**
   * Writes the second buffer if the namespace contains the data of the first one, as one atomic operation (a fused Compare and
   * Write). If the data differs it writes nothing and rejects with ERR_SPDK_IO_FAILED and "Compare Failure". At most
   * {@link compareAndWriteBlocks} blocks, because it is not split. It is never sent twice: if its connection ends it rejects, and the
   * caller has to find out whether it was carried out.
   */
  async compareAndWrite(
    expected: NodeJS.ArrayBufferView,
    replacement: NodeJS.ArrayBufferView,
    options: DataOptions,
  ): Promise<void> {
    this.requireCommand('compareAndWrite', 'a fused Compare and Write');
    const limits = readTransfer(options, fields, this);
    const { offset, flags, given } = fields;
    const pieces = new Pieces([bytesOf(expected, 'expected'), bytesOf(replacement, 'replacement')]);
    const [one, other] = pieces.parts.map((part) => part.byteLength);
    if (one !== other)
      throw invalidBuffer(`expected (${one} bytes) and replacement (${other}) must have the same length`);
    const length = rangeBytes(this, pieces.byteLength / 2, given);
    checkInteger(
      length,
      'the length of each buffer',
      1,
      this.compareAndWriteBlocks * this.blockSize,
      'bytes',
    );
    this.checkTransfer(offset, length);
    const verb = 'Comparing and writing';
    const request = new IoRequest(verb, ioOpcodes.compareAndWrite, this, offset, length, limits);
    request.flags = flags;
    request.dataBytes = pieces.byteLength;
    request.source = pieces;
    return this.#run(limits, request);
  }

  /**
   * Copies blocks within the namespace, without transferring their data: the source ranges, one after the other, to `offset`. It is one
   * command, within {@link copyLimits} (ERR_SPDK_INVALID_ARG_VALUE). It is never sent twice: if its connection ends, it rejects, and whether it
   * was carried out is not known.
   */
  async copy(sources: CopyRange | readonly CopyRange[], options: CopyOptions): Promise<void> {
    this.requireCommand('copy', 'Copy');
    const { offset, flags, limits } = readCopy(options, this);
    const ranges = checkSources(this, sources);
    const length = totalOf(ranges);
    const block = this.checkTransfer(offset, length);
    const request = new IoRequest('Copying', ioOpcodes.raw, this, offset, length, limits);
    request.raw = copyCommand(block, ranges.length, flags);
    request.source = sourceList(ranges, this.blockSize);
    request.kept = true;
    await this.#run(limits, request);
  }

  /** Reads into several buffers, one after the other. Resolves with them. */
  async readv<Target extends NodeJS.ArrayBufferView>(
    targets: readonly Target[],
    options: DataOptions,
  ): Promise<readonly Target[]> {
    const { request, limits, pieces } = this.gatherVector(
      'Reading',
      ioOpcodes.read,
      targets,
      options,
      writableBytesOf,
    );
    if (pieces) copied(request, undefined, pieces);
    // Returned here, because a promise that resolves with a thenable array would wait for it.
    await this.#run(limits, request);
    return targets;
  }

  /** Writes several buffers, one after the other. */
  async writev(sources: readonly NodeJS.ArrayBufferView[], options: DataOptions): Promise<void> {
    const { request, limits, pieces } = this.gatherVector(
      'Writing',
      ioOpcodes.write,
      sources,
      options,
      bytesOf,
    );
    if (pieces) copied(request, pieces, undefined);
    return this.#run(limits, request);
  }

  /** Makes all earlier writes durable. */
  async flush(options?: OperationOptions): Promise<void> {
    const limits = readLimits(options, 'flush options', this);
    this.check(0, 0);
    return this.#run(limits, new IoRequest('Flushing', ioOpcodes.flush, this, 0, 0, limits));
  }

  /** Writes zeroes without transferring data, by as many commands as the limits of the controller require. */
  async writeZeroes(options: RangeOptions): Promise<void> {
    this.requireCommand('writeZeroes', 'Write Zeroes');
    return this.sendRange('Writing zeroes to', ioOpcodes.writeZeroes, maxBlocks, options);
  }

  /**
   * Marks a range as unreadable: reads of it fail with "Unrecovered Read Error" until it is written again. Otherwise as `writeZeroes`.
   */
  async writeUncorrectable(options: RangeOptions): Promise<void> {
    this.requireCommand('writeUncorrectable', 'Write Uncorrectable');
    return this.sendRange('Making unreadable', ioOpcodes.writeUncorrectable, maxBlocks, options);
  }

  /** Makes the controller read a range and check its integrity, without transferring data. Otherwise as `writeZeroes`. */
  async verify(options: RangeOptions): Promise<void> {
    this.requireCommand('verify', 'Verify');
    return this.sendRange('Verifying', ioOpcodes.verify, maxBlocks, options);
  }

  /** Deallocates a range (Dataset Management). The controller decides what later reads of it return. */
  async deallocate(options: RangeOptions): Promise<void> {
    this.requireCommand('deallocate', 'Dataset Management');
    return this.sendRange('Deallocating', ioOpcodes.deallocate, maxBlocksOfRange, options);
  }

  /**
   * Sends any command to an I/O queue, with this namespace's id.
   * @returns dword 0 of the completion; received data is in `data`
   * @throws {SpdkError} as `read`; ERR_SPDK_INVALID_ARG_VALUE for more data than `controller.info.maxTransferBytes`, because a
   *   target would end the connection
   */
  async raw(command: RawIoCommand, options?: OperationOptions): Promise<number> {
    const given = readOptions(command, 'command', ['opcode', 'cdw', 'data']);
    const opcode = checkInteger(given.get('opcode'), 'opcode', 0, 0xff);
    const dwords = checkDwords(given.get('cdw'));
    const limits = readLimits(options, 'raw options', this);
    this.check(0, 0);
    const view = given.get('data');
    const sends = sendsData(opcode);
    const receives = receivesData(opcode);
    if (view !== undefined && !sends && !receives)
      throw new SpdkError('ERR_SPDK_CONFLICTING_OPTIONS', `Opcode ${opcode} transfers no data: omit data`);
    const data = view === undefined ? undefined : (receives ? writableBytesOf : bytesOf)(view, 'data');
    const length = checkInteger(data?.byteLength ?? 0, 'the length of data', 0, maxRawBytes, 'bytes');
    const request = new IoRequest(`Command ${opcode}`, ioOpcodes.raw, this, 0, 0, limits);
    request.raw = { opcode, dwords, length };
    if (data && !direct(request, data, this.memory)) {
      request.source = sends ? data : undefined;
      request.target = receives ? data : undefined;
    }
    return this.#run(limits, request);
  }

  /**
   * A `Readable` of the bytes from `startBytes` to `endBytes`, which need not be whole blocks. It reads up to
   * `concurrency` chunks ahead of the consumer. `for await` returns them in order.
   *
   * Each chunk is a new Buffer, which may be kept, and the garbage collector takes most of the time. With `reuseAfterChunks` the stream is
   * two to four times as fast, and so is {@link chunks}.
   *
   * Its `error` is that of the failed operation, or ERR_SPDK_ABORTED when the signal fires. `destroy()` cancels the
   * outstanding operations; `close` is emitted when all of them have ended.
   * @throws {SpdkError} for bad options the codes of {@link ReadStreamOptions}; ERR_SPDK_UNSUPPORTED for a namespace
   *   with metadata
   */
  createReadStream(options?: ReadStreamOptions): NamespaceReadStream {
    const plan = planOf(this, options, 'read stream');
    return NamespaceReadStream.create(new ByteAccess(this), plan, this.memory);
  }

  /**
   * The bytes from `startBytes` to `endBytes` for `for await`, as {@link createReadStream} but faster: the chunks are in DMA memory,
   * so nothing is copied, and few buffers are used again and again. A chunk is valid until the next one is requested or the loop
   * ends; copy what you keep.
   *
   * The loop throws the error of a failed operation, or ERR_SPDK_ABORTED when the signal fires. Leaving it cancels the outstanding
   * operations; a `next()` that `return()` finds pending resolves with `done`.
   * @throws {SpdkError} as `createReadStream`
   */
  chunks(options?: ChunksOptions): AsyncGenerator<Buffer, void, undefined> {
    const plan = planOf(this, options, 'chunks');
    return chunksOf(new ByteAccess(this), plan, this.memory);
  }

  /**
   * A `Writable` that writes the namespace from `startBytes` on, in operations of `chunkBytes` that are sent in order, up
   * to `concurrency` at the same time. A first or last block that is covered in part is read and written back as a
   * whole; see the guide about several writers of one block.
   *
   * `finish` is emitted when everything is written, and flushed if `flush` is set. After an error, data that was sent may
   * or may not have been written; `bytesWritten` counts the data without a gap. Data past `endBytes` fails the stream
   * with ERR_SPDK_OUT_OF_RANGE (errno ENOSPC).
   * @throws {SpdkError} as `createReadStream`
   */
  createWriteStream(options?: WriteStreamOptions): NamespaceWriteStream {
    const plan = planOf(this, options, 'write stream');
    const { memory } = this;
    return NamespaceWriteStream.create(new ByteAccess(this), plan, {
      memory,
      flush: (limits) => this.flush(limits),
    });
  }

  /**
   * @internal The first block of a range.
   * @throws {SpdkError} ERR_SPDK_UNALIGNED, ERR_SPDK_OUT_OF_RANGE, ERR_SPDK_NAMESPACE_GONE
   */
  check(offset: number, length: number): number {
    if (!this.known) throw goneError(this);
    return checkRange(this, offset, length);
  }

  /**
   * @internal Throws unless its data can be transferred without metadata.
   * @throws {SpdkError} ERR_SPDK_UNSUPPORTED, ERR_SPDK_NAMESPACE_GONE
   */
  checkBytes(writes: boolean): void {
    checkDataAlone(this, writes);
    this.check(0, 0);
  }

  /**
   * @internal As {@link check}, for commands that transfer data without its metadata.
   * @throws {SpdkError} also ERR_SPDK_UNSUPPORTED
   */
  checkTransfer(offset: number, length: number): number {
    if (this.metadataSize > 0) throw metadataError(this);
    return this.check(offset, length);
  }

  /** @internal Identify of the namespace, with a command set identifier. */
  async identify(structure: number, commandSet: number, options: AdminOptions): Promise<Buffer> {
    this.check(0, 0);
    const limits = checkLimits(options);
    const [first, ...others] = this.controllers();
    for (let controller = first; ; ) {
      try {
        return await this.#identifyOn(controller, structure, commandSet, rest(limits));
      } catch (error) {
        // Another path, if there is one, may still be connected.
        const next = others.shift();
        if (!next || !isLost(error)) throw error;
        controller = next;
      }
    }
  }

  /** @internal As {@link identify}, from the controller of each path that is connected; at least one. */
  async identifyOnAll(structure: number, commandSet: number, options: AdminOptions): Promise<Buffer[]> {
    this.check(0, 0);
    const limits = checkLimits(options);
    const asked = this.connectedControllers().map((one) =>
      this.#identifyOn(one, structure, commandSet, rest(limits)),
    );
    const results = await Promise.allSettled(asked);
    const pages = results.flatMap((result) => (result.status === 'fulfilled' ? result.value : []));
    // A path that does not respond is left out, unless none of them responds.
    const failure = results.find((result) => result.status === 'rejected');
    if (failure && pages.length === 0) throw failure.reason;
    return pages;
  }

  async #identifyOn(
    controller: NamespaceController,
    structure: number,
    commandSet: number,
    limits: AdminOptions,
  ): Promise<Buffer> {
    const cdw = [structure, commandSet * 2 ** 24];
    const command = { opcode: 0x06, nsid: this.id, cdw, dataLength: 4096 };
    return (await controller.admin.send(command, limits)).data;
  }

  /** @internal The most that one command transfers, whichever path it takes. */
  transferBytes(): number {
    return Math.min(...this.controllers().map(({ info }) => info.maxTransferBytes));
  }

  /** @internal Sends a command for zones. */
  async command(command: ZoneCommand, options: OperationOptions): Promise<number> {
    const limits = readLimits(options, 'options', this);
    const { offset, length } = command.range ?? { offset: 0, length: 0 };
    this.check(offset, length);
    const request = new IoRequest(command.verb, ioOpcodes.raw, this, offset, length, limits);
    request.raw = command;
    const { source, target } = command;
    if (!direct(request, source ?? target ?? new Uint8Array(0), this.memory)) {
      request.source = source;
      request.target = target;
    }
    return this.#run(limits, request);
  }

  #run<Value>(limits: Limits, request: IoRequest): Promise<Value> {
    if (!tracesIo()) return this.send(limits, request);
    const { opcode, position: offset, length } = request;
    const operation = operationNames.get(opcode);
    const context = () => ({ namespace: this, operation, offset, length });
    const run = async (): Promise<Value> => {
      // A subscriber to the start may have done anything.
      if (request.released) throw invalidBuffer('The buffer has been released');
      return this.send<Value>(limits, request);
    };
    return traced('spdk-nvme:io', run, context);
  }

  // Without `#`, which a proxy has not: it gets as far as limitsFor(), whose error says what to do.
  private requireCommand(command: keyof SupportedCommands, name: string): void {
    if (!this.supports[command]) throw unsupportedError(command, name);
  }

  private sendData(
    verb: string,
    opcode: number,
    source: NodeJS.ArrayBufferView,
    options: DataOptions,
  ): Promise<void> {
    try {
      const limits = readTransfer(options, fields, this);
      const { offset, flags, given } = fields;
      const bytes = bytesOf(source, 'buffer');
      const length = rangeBytes(this, bytes.length, given);
      this.check(offset, length);
      const request = new IoRequest(verb, opcode, this, offset, length, limits);
      request.flags = flags;
      if (this.metadataSize > 0 && opcode === ioOpcodes.compare) throw metadataError(this);
      if (this.metadataSize > 0) setBlockData(request, this, bytes, given, this.memory, false);
      else if (!direct(request, bytes, this.memory)) copied(request, bytes, undefined);
      return this.#run(limits, request);
    } catch (error) {
      return rejection(error, this);
    }
  }

  private async sendRange(verb: string, opcode: number, max: number, options: RangeOptions): Promise<void> {
    const { offset, length, limits } = readRange(options, this);
    this.check(offset, length);
    const request = new IoRequest(verb, opcode, this, offset, length, limits);
    if (opcode === ioOpcodes.writeZeroes || opcode === ioOpcodes.verify)
      protectRange(request, this, opcode === ioOpcodes.writeZeroes);
    request.split(max * this.blockSize, 1);
    return this.#run(limits, request);
  }

  /** An operation on several buffers; `pieces` has their bytes if these are to be copied. */
  private gatherVector(
    verb: string,
    opcode: number,
    views: unknown,
    options: DataOptions,
    check: (view: unknown, name: string) => Uint8Array,
  ): { request: IoRequest; limits: Limits; pieces: Pieces | undefined } {
    const limits = readTransfer(options, fields, this);
    const { offset, flags, given } = fields;
    const pieces = new Pieces(allBytesOf(views, check));
    const length = rangeBytes(this, pieces.byteLength, given);
    this.check(offset, length);
    const request = new IoRequest(verb, opcode, this, offset, length, limits);
    request.flags = flags;
    if (this.metadataSize > 0) {
      setBlockData(request, this, pieces, given, this.memory, opcode === ioOpcodes.read);
      return { request, limits, pieces: undefined };
    }
    const asTheyAre = inSegments(request, pieces.parts, this.memory);
    return { request, limits, pieces: asTheyAre ? undefined : pieces };
  }
}

/** A controller, as far as a namespace asks it. */
export interface NamespaceController {
  readonly info: Pick<ControllerInfo, 'subsystemNqn' | 'serial' | 'maxTransferBytes'>;
  readonly admin: Pick<Admin, 'send'>;
}

/** What a namespace needs of its controller. */
export interface NamespaceOwner extends QueueChooser, NamespaceController {
  /** The DMA memory of the environment. */
  readonly memory: DmaMemory;
  /** Whether the namespace is as it was when it was described. */
  has(namespace: Namespace): boolean;
}

/**
 * A namespace of an attached controller. Offsets and lengths are in bytes. Buffers of `env.allocate()` are used in
 * place; the data of other buffers is copied, so those may be detached or resized at any time.
 *
 * By default, an operation that is aborted or times out rejects immediately. The controller may still carry it out, and a
 * read into DMA memory may still arrive, until the controller is detached. {@link OperationOptions.onTimeout} changes that.
 */
export class Namespace extends NamespaceCommands<IoLimits> {
  readonly #info: NativeNamespaceInfo;
  readonly #owner: NamespaceOwner;

  private constructor(owner: NamespaceOwner, info: NativeNamespaceInfo) {
    super(info, deviceIdOf(info, { ...owner.info, nsid: info.id }));
    this.#owner = owner;
    this.#info = info;
    Object.defineProperty(this, 'controller', { value: owner });
    Object.freeze(this);
  }

  /** @internal */
  static create(owner: NamespaceOwner, info: NativeNamespaceInfo): Namespace {
    return new Namespace(owner, info);
  }

  /** @internal Whether a value is one, and not merely looks like one: no proxy, no copy, nothing that inherits from one. */
  static isOne(value: unknown): value is Namespace {
    return typeof value === 'object' && value !== null && #owner in value;
  }

  /** @internal */
  override get tag(): number {
    return this.#info.tag;
  }

  /** @internal */
  override get memory(): DmaMemory {
    return this.#owner.memory;
  }

  /** @internal */
  override get known(): boolean {
    return this.#owner.has(this);
  }

  /** @internal The limits of operations on the chosen queue pair, or on the least busy one. */
  override limitsFor(queuePair: unknown): IoLimits {
    if (!(#owner in this)) throw notItself('namespace');
    return this.#owner.limitsFor(queuePair);
  }

  /** @internal */
  override controllers(): readonly [NamespaceController] {
    return [this.#owner];
  }

  /** @internal */
  override send<Value>(limits: IoLimits, request: IoRequest): Promise<Value> {
    return limits.queue.run(request);
  }

  /** @internal Whether the controller still describes it like this. */
  is(info: NativeNamespaceInfo): boolean {
    return isDeepStrictEqual(this.#info, info);
  }
}

function isLost(error: unknown): boolean {
  return error instanceof SpdkError && isOfLostPath(error);
}

/** Checks the options of a stream, and that the namespace can have one. */
function planOf(namespace: NamespaceCommands<RequestLimits>, options: unknown, kind: StreamKind): StreamPlan {
  const plan = streamPlan(options, namespace, kind, (queuePair) => namespace.limitsFor(queuePair));
  namespace.checkBytes(kind === 'write stream');
  return plan;
}

/** @param namespace what the method was called on: anything, for one that a program has taken off its namespace */
function rejection(error: unknown, namespace: unknown): Promise<never> {
  const known = namespace instanceof NamespaceCommands;
  return Promise.reject(
    known ? codedError('The operation could not be started', error) : notItself('namespace'),
  );
}
