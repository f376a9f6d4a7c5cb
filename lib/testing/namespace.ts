// A namespace in memory.

import type { NativeNamespaceInfo } from '../native/contract.js';
import { checkInteger, checkOneOf, checkString, readOptions } from '../options/arguments.js';
import { conflict, invalid, optional, or } from '../options/common.js';
import { isUuid } from '../options/nqn.js';
import type { CopyLimits, NamespaceProtection } from '../types.js';
import { MemoryReservations } from './reservations.js';
import { bytes, checkWhenSet } from './settable.js';
import type { ZoneLimits } from './zone.js';
import { type MemoryZoneOptions, MemoryZones, readZoneOptions } from './zones.js';

let lastTag = 0;

/** How a namespace in memory is made. */
export interface MemoryNamespaceOptions {
  /** Default 8. */
  readonly blocks?: number | undefined;
  /** In bytes, a power of two from 512 to 1048576. Default 512. */
  readonly blockSize?: number | undefined;
  /** Bytes of metadata of a block; default 0. */
  readonly metadataSize?: number | undefined;
  /** Whether metadata is transferred with the data of its block, the default, or in a separate buffer, which fabrics do not have. */
  readonly metadata?: 'interleaved' | 'separate' | undefined;
  /** The type of protection information, 1 to 3, which needs 8 bytes of metadata; default 0, none. */
  readonly protectionType?: number | undefined;
  /** Whether it is in the first or in the last bytes of the metadata, the default. */
  readonly protectionPlace?: 'first' | 'last' | undefined;
  /** What one Copy command takes; default 16 ranges of 128 blocks, 256 blocks in all. `ranges: 0`: it has no such command. */
  readonly copyLimits?: Partial<CopyLimits> | undefined;
  /** Makes it a zoned namespace. */
  readonly zones?: MemoryZoneOptions | undefined;
  /** Default: one of its own. An empty text: the controller reports no identifier. */
  readonly uuid?: string | undefined;
}

const maxBytes = 2 ** 32;

/** A namespace whose data is in a Uint8Array. Made by `subsystem.addNamespace()`. */
export class MemoryNamespace {
  readonly id: number;
  readonly blockSize: number;
  readonly metadataSize: number;
  /** @internal */
  readonly protection: NamespaceProtection;
  /** @internal Each is a disk of its own. */
  readonly tag = ++lastTag;
  /** The zones of a zoned namespace. */
  readonly zones: MemoryZones | undefined;
  /** @internal */
  readonly copyLimits: CopyLimits;
  /** As the controllers report it; empty for none. */
  readonly uuid: string;
  /** Its reservation, which outlasts connections. */
  readonly reservations = new MemoryReservations();
  /** The content, which tests may read and change. */
  data: Uint8Array;
  /** The metadata of its blocks, one after the other, likewise. */
  metadata: Uint8Array;
  readonly #separate: boolean;
  #blocks: number;
  /** @internal Blocks that Write Uncorrectable has made unreadable. */
  readonly unreadable = new Set<number>();

  private constructor(id: number, blocks: number, blockSize: number, shape: Shape, uuid?: string) {
    const { metadataSize, protection } = shape;
    this.copyLimits = shape.copyLimits;
    this.zones = shape.zones && new MemoryZones(shape.zones, blocks);
    this.id = id;
    this.uuid = uuid ?? `00000000-0000-4000-8000-${this.tag.toString(16).padStart(12, '0')}`;
    this.blockSize = blockSize;
    this.metadataSize = metadataSize;
    this.protection = protection;
    this.#separate = shape.separate;
    this.#blocks = blocks;
    this.data = new Uint8Array(blocks * blockSize);
    this.metadata = this.#unwritten(blocks);
    // Another size is a change that hosts are notified of: resizeNamespace().
    checkWhenSet<MemoryNamespace>(this, {
      data: bytes(() => this.#blocks * blockSize),
      metadata: bytes(() => this.#blocks * metadataSize),
    });
  }

  /** @internal @throws {SpdkError} ERR_SPDK_UNKNOWN_OPTION, ERR_SPDK_INVALID_ARG_VALUE */
  static create(id: unknown, options: unknown): MemoryNamespace {
    const given = readOptions(options, 'namespace options', [
      'blocks',
      'blockSize',
      'metadataSize',
      'metadata',
      'protectionType',
      'protectionPlace',
      'copyLimits',
      'zones',
      'uuid',
    ]);
    const uuid = optional(given.get('uuid'), checkUuid);
    const shift = Math.log2(
      checkInteger(or(given.get('blockSize'), 512), 'blockSize', 512, 1 << 20, 'bytes'),
    );
    const blockSize = 2 ** checkInteger(shift, 'the power of two of blockSize', 9, 20);
    const blocks = checkInteger(or(given.get('blocks'), 8), 'blocks', 1, maxBytes / blockSize);
    const shape = {
      ...readMetadataShape(given),
      copyLimits: readCopyLimits(given.get('copyLimits')),
      zones: optional(given.get('zones'), (zones) => readZoneOptions(zones, blocks)),
    };
    return new MemoryNamespace(checkNamespaceId(id), blocks, blockSize, shape, uuid);
  }

  get blocks(): number {
    return this.#blocks;
  }

  /** @internal Whether a value is one, and not merely looks like one. */
  static isOne(value: unknown): value is MemoryNamespace {
    return typeof value === 'object' && value !== null && #separate in value;
  }

  /**
   * @internal Keeps the data that still has a place.
   * @throws {SpdkTypeError} @throws {SpdkError} ERR_SPDK_INVALID_ARG_VALUE
   */
  resize(blocks: number): void {
    checkInteger(blocks, 'blocks', 1, maxBytes / this.blockSize);
    const data = new Uint8Array(blocks * this.blockSize);
    data.set(this.data.subarray(0, data.byteLength));
    const metadata = this.#unwritten(blocks);
    metadata.set(this.metadata.subarray(0, metadata.byteLength));
    this.#blocks = blocks;
    this.data = data;
    this.metadata = metadata;
  }

  /** The metadata of blocks that were never written: protection information that is not checked. */
  #unwritten(blocks: number): Uint8Array {
    return new Uint8Array(blocks * this.metadataSize).fill(this.protection.type === 0 ? 0 : 0xff);
  }

  /** @internal */
  info(): NativeNamespaceInfo {
    return {
      id: this.id,
      blocks: this.blocks,
      blockSize: this.blockSize,
      metadataSize: this.metadataSize,
      metadata: this.metadataSize === 0 ? 'none' : this.#separate ? 'separate' : 'interleaved',
      protection: { ...this.protection },
      optimal: {
        ioBoundary: 0,
        writeGranularity: 0,
        writeAlignment: 0,
        writeSize: 0,
        deallocateGranularity: 0,
        deallocateAlignment: 0,
      },
      supports: {
        compare: true,
        writeZeroes: true,
        deallocate: true,
        verify: true,
        writeUncorrectable: true,
        compareAndWrite: true,
        copy: this.copyLimits.ranges > 0,
      },
      compareAndWriteBlocks: 8,
      copyLimits: { ...this.copyLimits },
      uuid: this.uuid,
      nguid: '',
      eui64: '',
      tag: this.tag,
    };
  }
}

/** @throws {SpdkTypeError} @throws {SpdkError} ERR_SPDK_INVALID_ARG_VALUE */
export function checkNamespaceId(id: unknown): number {
  return checkInteger(id, 'id', 1, 0xffff_fffe);
}

interface MetadataShape {
  readonly metadataSize: number;
  readonly separate: boolean;
  readonly protection: NamespaceProtection;
}

interface Shape extends MetadataShape {
  readonly copyLimits: CopyLimits;
  readonly zones: ZoneLimits | undefined;
}

function readCopyLimits(value: unknown): CopyLimits {
  const given = readOptions(value, 'copyLimits', ['ranges', 'rangeBlocks', 'blocks']);
  return {
    ranges: checkInteger(or(given.get('ranges'), 16), 'ranges', 0, 256),
    rangeBlocks: checkInteger(or(given.get('rangeBlocks'), 128), 'rangeBlocks', 1, 0xffff),
    blocks: checkInteger(or(given.get('blocks'), 256), 'blocks', 1, 0xffff_ffff),
  };
}

function readMetadataShape(given: ReadonlyMap<string, unknown>): MetadataShape {
  const metadataSize = checkInteger(or(given.get('metadataSize'), 0), 'metadataSize', 0, 65_535, 'bytes');
  const type = checkInteger(or(given.get('protectionType'), 0), 'protectionType', 0, 3);
  if (type !== 0 && metadataSize < 8) conflict('protectionType needs a metadataSize of at least 8 bytes');
  const place = checkOneOf(or(given.get('protectionPlace'), 'last'), 'protectionPlace', ['first', 'last']);
  const how = checkOneOf(or(given.get('metadata'), 'interleaved'), 'metadata', ['interleaved', 'separate']);
  return {
    metadataSize,
    separate: how === 'separate',
    protection: type === 0 ? { type, place: 'none', guardBits: 0 } : { type, place, guardBits: 16 },
  };
}

function checkUuid(value: unknown): string {
  const uuid = checkString(value, 'uuid').toLowerCase();
  if (uuid !== '' && !isUuid(uuid)) invalid('uuid must be a UUID of the form 8-4-4-4-12, or empty');
  return uuid;
}
