// One namespace over several paths: its operations. Longer than other files, because it has each method of a namespace.

import { SpdkError } from '../errors/spdk-error.js';
import { waitFor } from '../internal/pending-call.js';
import { type DmaMemory, regionOf } from '../io/dma-memory.js';
import { checkRange, goneError, metadataError, unsupportedError } from '../io/namespace-errors.js';
import {
  checkDwords,
  type LimitsChooser,
  type OperationOptions,
  type RangeOptions,
  type RawIoCommand,
  readLimits,
  readRange,
  readTransfer,
  type TransferOptions,
} from '../io/operation-options.js';
import type { RequestLimits } from '../io/request.js';
import { checkInteger, readOptions } from '../options/arguments.js';
import { allBytesOf, bytesOf, writableBytesOf } from '../options/buffers.js';
import { ByteAccess } from '../streams/byte-access.js';
import { NamespaceReadStream } from '../streams/read-stream.js';
import { type ReadStreamOptions, streamPlan, type WriteStreamOptions } from '../streams/stream-options.js';
import { NamespaceWriteStream } from '../streams/write-stream.js';
import type { NamespaceInfo, NamespaceProtection, OptimalSizes, SupportedCommands } from '../types.js';
import type { NamespaceIds } from './identity.js';
import type { NamespaceOperations } from './namespace-operations.js';
import { limitsOf, type MultipathOperation, type OperationRunner, rejection } from './operation-runner.js';
import { ended, WriteOrder } from './write-order.js';

/** What a namespace needs of its subsystem. */
export interface SubsystemNamespaceOwner extends LimitsChooser<RequestLimits> {
  readonly memory: DmaMemory;
  readonly runner: OperationRunner;
  /** Whether some path still has it as it was described. */
  readonly known: () => boolean;
}

/** readTransfer() returns the offset here. */
const place = { offset: 0 };
const always = (): boolean => true;

/**
 * A namespace of an attached {@link Subsystem}. It has the methods of {@link Namespace}, and each operation takes one of
 * the usable paths. If that path does not carry it out, the operation goes out again on another one, or waits for one.
 * `timeoutMs` and `signal` are those of the whole operation. Raw commands are sent once.
 *
 * Of a buffer outside of DMA memory a write takes a copy, in case it goes out again. A write that overlaps earlier
 * writes through this object is sent when these have ended.
 */
export class SubsystemNamespace implements NamespaceOperations {
  readonly id: number;
  readonly blocks: number;
  readonly blockSize: number;
  readonly metadataSize: number;
  readonly metadata: NamespaceInfo['metadata'];
  readonly protection: NamespaceProtection;
  readonly optimal: OptimalSizes;
  readonly supports: SupportedCommands;
  /** In hexadecimal digits; empty if the controllers report none. */
  readonly uuid: string;
  readonly nguid: string;
  readonly eui64: string;
  readonly bytes: number;
  readonly #owner: SubsystemNamespaceOwner;
  readonly #order = new WriteOrder();

  private constructor(owner: SubsystemNamespaceOwner, info: NamespaceOperations, ids: NamespaceIds) {
    this.#owner = owner;
    this.id = info.id;
    this.blocks = info.blocks;
    this.blockSize = info.blockSize;
    this.metadataSize = info.metadataSize;
    this.metadata = info.metadata;
    this.protection = info.protection;
    this.optimal = info.optimal;
    this.supports = info.supports;
    this.uuid = ids.uuid;
    this.nguid = ids.nguid;
    this.eui64 = ids.eui64;
    this.bytes = info.bytes;
    Object.freeze(this);
  }

  /** @internal @param info the namespace as one path has it */
  static create(
    owner: SubsystemNamespaceOwner,
    info: NamespaceOperations,
    ids: NamespaceIds,
  ): SubsystemNamespace {
    return new SubsystemNamespace(owner, info, ids);
  }

  /** @internal Whether a value is one, and not merely looks like one. */
  static isOne(value: unknown): value is SubsystemNamespace {
    return typeof value === 'object' && value !== null && #owner in value;
  }

  /** Operations that have not been sent, because no path is usable. */
  get waiting(): number {
    return this.#owner.runner.waiting;
  }

  /** As `namespace.read`; also rejects with ERR_SPDK_NO_PATH. */
  read<Target extends NodeJS.ArrayBufferView>(target: Target, options: TransferOptions): Promise<Target> {
    try {
      const limits = readTransfer(options, place, this.#owner);
      const { offset } = place;
      const bytes = writableBytesOf(target, 'buffer');
      const length = bytes.byteLength;
      this.checkTransfer(offset, length);
      return this.#owner.runner.run<Target>({
        ...sized('Reading', offset, length, limits),
        intact: () => bytes.byteLength === length,
        send: async (namespace, attempt) => {
          await namespace.read(bytes, { offset, ...attempt });
          return target;
        },
      });
    } catch (error) {
      return rejection(error);
    }
  }

  /** As `namespace.write`; also rejects with ERR_SPDK_NO_PATH. */
  write(source: NodeJS.ArrayBufferView, options: TransferOptions): Promise<void> {
    try {
      const limits = readTransfer(options, place, this.#owner);
      const { offset } = place;
      const bytes = bytesOf(source, 'buffer');
      const length = bytes.byteLength;
      this.checkTransfer(offset, length);
      const kept = this.#keep(bytes);
      return this.#inOrder(offset, length, {
        ...sized('Writing', offset, length, limits),
        intact: () => kept.byteLength === length,
        send: (namespace, attempt) => namespace.write(kept, { offset, ...attempt }),
      });
    } catch (error) {
      return rejection(error);
    }
  }

  /** As `namespace.compare`; also rejects with ERR_SPDK_NO_PATH. */
  async compare(source: NodeJS.ArrayBufferView, options: TransferOptions): Promise<void> {
    this.#require('compare', 'Compare');
    const limits = readTransfer(options, place, this.#owner);
    const { offset } = place;
    const bytes = bytesOf(source, 'buffer');
    const length = bytes.byteLength;
    this.checkTransfer(offset, length);
    const kept = this.#keep(bytes);
    return this.#owner.runner.run({
      ...sized('Comparing', offset, length, limits),
      intact: () => kept.byteLength === length,
      send: (namespace, attempt) => namespace.compare(kept, { offset, ...attempt }),
    });
  }

  /** As `namespace.readv`; also rejects with ERR_SPDK_NO_PATH. */
  async readv<Target extends NodeJS.ArrayBufferView>(
    targets: readonly Target[],
    options: TransferOptions,
  ): Promise<readonly Target[]> {
    const limits = readTransfer(options, place, this.#owner);
    const { offset } = place;
    const parts = allBytesOf(targets, writableBytesOf);
    const length = total(parts);
    this.checkTransfer(offset, length);
    await this.#owner.runner.run({
      ...sized('Reading', offset, length, limits),
      intact: () => total(parts) === length,
      send: async (namespace, attempt) => void (await namespace.readv(parts, { offset, ...attempt })),
    });
    return targets;
  }

  /** As `namespace.writev`; also rejects with ERR_SPDK_NO_PATH. */
  async writev(sources: readonly NodeJS.ArrayBufferView[], options: TransferOptions): Promise<void> {
    const limits = readTransfer(options, place, this.#owner);
    const { offset } = place;
    const parts = allBytesOf(sources, bytesOf);
    const length = total(parts);
    this.checkTransfer(offset, length);
    const kept = parts.map((part) => this.#keep(part));
    return this.#inOrder(offset, length, {
      ...sized('Writing', offset, length, limits),
      intact: () => total(kept) === length,
      send: (namespace, attempt) => namespace.writev(kept, { offset, ...attempt }),
    });
  }

  /** As `namespace.flush`; also rejects with ERR_SPDK_NO_PATH. */
  async flush(options?: OperationOptions): Promise<void> {
    const limits = readLimits(options, 'flush options', this.#owner);
    this.check(0, 0);
    return this.#owner.runner.run({
      ...{ what: () => 'Flushing', limits, once: false, intact: always },
      send: (namespace, attempt) => namespace.flush(attempt),
    });
  }

  /** As `namespace.writeZeroes`; also rejects with ERR_SPDK_NO_PATH. */
  async writeZeroes(options: RangeOptions): Promise<void> {
    this.#require('writeZeroes', 'Write Zeroes');
    return this.#range('Writing zeroes to', options, true, (namespace, range) =>
      namespace.writeZeroes(range),
    );
  }

  /** As `namespace.verify`; also rejects with ERR_SPDK_NO_PATH. */
  async verify(options: RangeOptions): Promise<void> {
    this.#require('verify', 'Verify');
    return this.#range('Verifying', options, false, (namespace, range) => namespace.verify(range));
  }

  /** As `namespace.deallocate`; also rejects with ERR_SPDK_NO_PATH. */
  async deallocate(options: RangeOptions): Promise<void> {
    this.#require('deallocate', 'Dataset Management');
    return this.#range('Deallocating', options, true, (namespace, range) => namespace.deallocate(range));
  }

  /**
   * As `namespace.raw`, over one of the paths. It may wait for a path, but is sent once: if that path fails, it rejects
   * with the path's error, because sending it twice may not be safe.
   */
  async raw(command: RawIoCommand, options?: OperationOptions): Promise<number> {
    // Read once: its getters must not give another command to another path.
    const given = Object.fromEntries(readOptions(command, 'command', ['opcode', 'cdw', 'data']));
    checkInteger(given.opcode, 'opcode', 0, 0xff);
    const cdw = checkDwords(given.cdw);
    const limits = readLimits(options, 'raw options', this.#owner);
    this.check(0, 0);
    return this.#owner.runner.run({
      ...{ what: () => `Command ${given.opcode}`, limits, once: true, intact: always },
      send: (namespace, attempt) => namespace.raw({ ...given, cdw } as unknown as RawIoCommand, attempt),
    });
  }

  /** As `namespace.createReadStream`. */
  createReadStream(options?: ReadStreamOptions): NamespaceReadStream {
    const plan = streamPlan(options, this, 'read', (queuePair) => this.#owner.limitsFor(queuePair));
    this.checkTransfer(0, 0);
    return NamespaceReadStream.create(new ByteAccess(this), plan);
  }

  /** As `namespace.createWriteStream`. */
  createWriteStream(options?: WriteStreamOptions): NamespaceWriteStream {
    const plan = streamPlan(options, this, 'write', (queuePair) => this.#owner.limitsFor(queuePair));
    this.checkTransfer(0, 0);
    const { memory } = this.#owner;
    return NamespaceWriteStream.create(new ByteAccess(this), plan, {
      memory,
      flush: (limits) => this.flush(limits),
    });
  }

  /** @internal The DMA memory of the environment. */
  get memory(): DmaMemory {
    return this.#owner.memory;
  }

  /** @internal The limits of operations that give none. @throws {SpdkError} ERR_SPDK_FOREIGN_QUEUE_PAIR */
  limitsFor(queuePair: unknown): RequestLimits {
    return this.#owner.limitsFor(queuePair);
  }

  /** @internal @throws {SpdkError} ERR_SPDK_UNALIGNED, ERR_SPDK_OUT_OF_RANGE, ERR_SPDK_NAMESPACE_GONE */
  check(offset: number, length: number): void {
    if (!this.#owner.known()) throw goneError(this);
    checkRange(this, offset, length);
  }

  /** @internal @throws {SpdkError} also ERR_SPDK_UNSUPPORTED */
  checkTransfer(offset: number, length: number): void {
    if (this.metadataSize > 0) throw metadataError(this);
    this.check(offset, length);
  }

  #require(command: keyof SupportedCommands, name: string): void {
    if (!this.supports[command]) throw unsupportedError(command, name);
  }

  async #range(
    verb: string,
    options: RangeOptions,
    changes: boolean,
    send: (namespace: NamespaceOperations, range: RangeOptions) => Promise<void>,
  ): Promise<void> {
    const { offset, length, limits } = readRange(options, this.#owner);
    this.check(offset, length);
    const operation: MultipathOperation<void> = {
      ...sized(verb, offset, length, limits),
      intact: always,
      send: (namespace, attempt) => send(namespace, { offset, length, ...attempt }),
    };
    return changes ? this.#inOrder(offset, length, operation) : this.#owner.runner.run(operation);
  }

  /** Sends a write when all earlier ones of the same blocks have ended. */
  async #inOrder(offset: number, length: number, operation: MultipathOperation<void>): Promise<void> {
    const { range, earlier } = this.#order.enter(offset, offset + length);
    try {
      if (earlier) await waitFor(ended(earlier), limitsOf(operation, { begun: performance.now() }));
      await this.#owner.runner.run(operation);
    } finally {
      this.#order.leave(range);
    }
  }

  /** Data that stays as it is until the operation has ended: DMA memory is the caller's to keep. */
  #keep(bytes: Uint8Array): Uint8Array {
    if (regionOf(bytes)?.owner === this.#owner.memory) return bytes;
    try {
      return new Uint8Array(bytes);
    } catch (cause) {
      const message = `There is no memory for ${bytes.byteLength} bytes of data until they are written`;
      throw new SpdkError('ERR_SPDK_NO_MEMORY', message, { cause });
    }
  }
}

function sized(verb: string, offset: number, length: number, limits: RequestLimits) {
  return { what: () => `${verb} ${length} bytes at ${offset}`, limits, once: false };
}

function total(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, { byteLength }) => sum + byteLength, 0);
}
