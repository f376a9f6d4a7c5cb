// Metadata and protection information of reads and writes: the options, and what follows from them for a command.

import { SpdkError } from '../errors/spdk-error.js';
import { checkBoolean, checkInteger, checkOneOf, readOptions } from '../options/arguments.js';
import { bytesOf, invalidBuffer, writableBytesOf } from '../options/buffers.js';
import { conflict, invalid, or } from '../options/common.js';
import type { NamespaceInfo } from '../types.js';
import type { IoData } from './data.js';
import type { DmaMemory } from './dma-memory.js';
import { type BlockProtection, ExtendedBlocks, protectionBytes } from './metadata.js';
import { metadataError, unsupportedMetadataError } from './namespace-errors.js';
import { copied, direct } from './placement.js';
import type { IoRequest } from './request.js';

/** How the protection information of a read or a write is made and checked. */
export interface ProtectionOptions {
  /**
   * Who makes it for a write, and takes it off and checks it for a read. `package`: this package. `controller`: the controller (PRACT);
   * not every target can. `caller`: it is in `metadata` as it is; this package does not look at it. Default `package`.
   */
  readonly by?: 'package' | 'controller' | 'caller' | undefined;
  /**
   * The type, 1 to 3, and the place in the metadata of protection information that the controller does not announce, although its disk
   * checks it, such as `nvmf_tgt` of SPDK v22.09 to v24.09. Default: as announced; the place is `last` if only the type is given.
   */
  readonly type?: number | undefined;
  readonly place?: 'first' | 'last' | undefined;
  /** The guard, a checksum of the data, is checked: by the controller (PRCHK), and by this package if it reads. Default true. */
  readonly checkGuard?: boolean | undefined;
  /** As `checkGuard`. Default: whether `applicationTag` is given. */
  readonly checkApplicationTag?: boolean | undefined;
  /** As `checkGuard`. Default true, and false for protection of type 3, which has no such check. */
  readonly checkReferenceTag?: boolean | undefined;
  /** 0 to 65535. Written with each block, or expected of it. Default 0. */
  readonly applicationTag?: number | undefined;
  /** The bits of the application tag that are compared. Default 65535. */
  readonly applicationTagMask?: number | undefined;
  /**
   * 0 to 4294967295, of the first block; types 1 and 2 count up from it. Default: the lowest 32 bits of the number of the first block,
   * which type 1 needs, and 0 for type 3.
   */
  readonly referenceTag?: number | undefined;
}

/** What the options of an operation say of metadata, not checked. */
export interface GivenMetadata {
  readonly metadata: unknown;
  readonly protection: unknown;
}

/** CDW12 (NVM command set specification, "Read"). */
const flags = { act: 2 ** 29, checkGuard: 2 ** 28, checkApplicationTag: 2 ** 27, checkReferenceTag: 2 ** 26 };
const maxTag = 0xffff;
const interleaved = 'interleaved';

/**
 * The range of a buffer of these many bytes: a buffer with interleaved metadata has more bytes than its range.
 * @throws {SpdkError} ERR_SPDK_UNSUPPORTED, ERR_SPDK_UNALIGNED, ERR_SPDK_INVALID_ARG_VALUE
 */
export function rangeBytes(
  namespace: NamespaceInfo,
  bytes: number,
  { metadata, protection }: GivenMetadata,
): number {
  const { metadataSize, blockSize } = namespace;
  if ((metadata !== undefined || protection !== undefined) && metadataSize === 0)
    throw unsupportedMetadataError(namespace, 'no metadata');
  if (metadata !== interleaved) return bytes;
  const blocks = bytes / (blockSize + metadataSize);
  if (!Number.isInteger(blocks)) {
    throw new SpdkError(
      'ERR_SPDK_UNALIGNED',
      `The length of the buffer (${bytes}) must be a multiple of ${blockSize + metadataSize} bytes, a block with its metadata`,
    );
  }
  return blocks * blockSize;
}

/**
 * Checks that the namespace can be read, or written, without `metadata`.
 * @throws {SpdkError} ERR_SPDK_UNSUPPORTED
 */
export function checkDataAlone(
  namespace: NamespaceInfo,
  writes: boolean,
  type: number = namespace.protection.type,
): void {
  const { metadataSize, metadata, protection } = namespace;
  if (metadataSize === 0) return;
  if (metadata === 'separate') throw unsupportedMetadataError(namespace, 'separate metadata');
  if (protection.type !== 0 && protection.guardBits !== 16)
    throw unsupportedMetadataError(namespace, `a guard of ${protection.guardBits} bits`);
  const onlyProtection = type !== 0 && metadataSize === protectionBytes;
  if (writes && !onlyProtection) throw metadataError(namespace);
}

/** Gives a read or a write of a namespace with metadata its data. The range is checked. */
export function setBlockData(
  request: IoRequest,
  namespace: NamespaceInfo,
  data: IoData,
  given: GivenMetadata,
  memory: DmaMemory,
  reads: boolean,
): void {
  const { blockSize, metadataSize } = namespace;
  const first = request.position / blockSize;
  const blocks = request.length / blockSize;
  const protection = readProtection(given.protection, namespace, first);
  const inline = given.metadata === interleaved;
  const metadata = inline ? undefined : readMetadata(given.metadata, blocks, metadataSize, reads);
  const { by, type } = protection;
  checkDataAlone(namespace, !reads && !inline && !metadata, type);
  if (by === 'caller' && !inline && !metadata) conflict("protection.by 'caller' needs metadata");
  if (protection.flags !== 0) {
    request.flags += protection.flags;
    request.tags = {
      reference: protection.referenceTag,
      counts: type !== 3,
      application: (protection.applicationTagMask * 0x1_0000 + protection.applicationTag) >>> 0,
    };
  }
  if (by === 'controller' && metadataSize === protectionBytes) {
    // The controller makes all of the metadata, and takes it off: none is transferred.
    if (inline || metadata) conflict("protection.by 'controller' leaves no metadata to transfer");
    if (!(data instanceof Uint8Array && direct(request, data, memory)))
      copied(request, reads ? undefined : data, reads ? data : undefined);
    return;
  }
  request.extend(blockSize + metadataSize);
  const looks = by === 'package';
  if (inline && !looks && data instanceof Uint8Array && direct(request, data, memory)) return;
  const shape = { blockSize, metadataSize };
  const from = { data, metadata, interleaved: inline };
  const all = new ExtendedBlocks(shape, from, first, blocks, looks ? protection : undefined);
  copied(request, reads ? undefined : all, reads ? all : undefined);
}

/** Flags and tags of a command without data that makes or checks protection information in a range. */
export function protectRange(request: IoRequest, namespace: NamespaceInfo, writes: boolean): void {
  const { type } = namespace.protection;
  if (type === 0) return;
  const first = request.position / namespace.blockSize;
  const { flags: checks, referenceTag } = readProtection(undefined, namespace, first);
  request.flags += writes ? flags.act : checks;
  request.tags = { reference: referenceTag, counts: type !== 3, application: 0xffff_0000 };
}

function readMetadata(
  value: unknown,
  blocks: number,
  metadataSize: number,
  reads: boolean,
): Uint8Array | undefined {
  if (value === undefined) return undefined;
  const bytes = (reads ? writableBytesOf : bytesOf)(value, 'metadata');
  if (bytes.byteLength !== blocks * metadataSize) {
    throw invalidBuffer(
      `metadata must have ${blocks * metadataSize} bytes, ${metadataSize} for each of ${blocks} blocks; got ${bytes.byteLength}`,
    );
  }
  return bytes;
}

interface CheckedProtection extends BlockProtection {
  /** `none`: the namespace has no protection information. */
  readonly by: 'package' | 'controller' | 'caller' | 'none';
  readonly flags: number;
}

function readProtection(options: unknown, namespace: NamespaceInfo, first: number): CheckedProtection {
  const { blockSize, metadataSize } = namespace;
  const given = readOptions(options, 'protection', [
    'by',
    'type',
    'place',
    'checkGuard',
    'checkApplicationTag',
    'checkReferenceTag',
    'applicationTag',
    'applicationTagMask',
    'referenceTag',
  ]);
  const { type, place } = readType(given, namespace);
  if (options !== undefined && type === 0)
    throw unsupportedMetadataError(namespace, 'no protection information');
  const by = checkOneOf(or(given.get('by'), 'package'), 'protection.by', ['package', 'controller', 'caller']);
  const flag = (name: 'checkGuard' | 'checkApplicationTag' | 'checkReferenceTag', fallback: boolean) =>
    checkBoolean(or(given.get(name), fallback), `protection.${name}`);
  const tag = (
    name: 'applicationTag' | 'applicationTagMask' | 'referenceTag',
    fallback: number,
    max: number,
  ) => checkInteger(or(given.get(name), fallback), `protection.${name}`, 0, max);
  const block = first % 2 ** 32;
  const checks = {
    checkGuard: flag('checkGuard', true),
    checkApplicationTag: flag('checkApplicationTag', given.get('applicationTag') !== undefined),
    checkReferenceTag: flag('checkReferenceTag', type !== 3),
  };
  const referenceTag = tag('referenceTag', type === 3 ? 0 : block, 0xffff_ffff);
  if (type === 3 && checks.checkReferenceTag)
    invalid('protection.checkReferenceTag: protection of type 3 has no check of the reference tag');
  if (type === 1 && referenceTag !== block)
    invalid(
      `protection.referenceTag must be ${block}, the number of the first block: the protection is of type 1`,
    );
  const names = Object.keys(checks) as (keyof typeof checks)[];
  const checked = names.reduce((sum, name) => sum + (checks[name] ? flags[name] : 0), 0);
  return {
    by: type === 0 ? 'none' : by,
    type,
    at: blockSize + (place === 'first' ? 0 : metadataSize - protectionBytes),
    checksGuard: checks.checkGuard,
    checksApplicationTag: checks.checkApplicationTag,
    checksReferenceTag: checks.checkReferenceTag,
    applicationTag: tag('applicationTag', 0, maxTag),
    applicationTagMask: tag('applicationTagMask', maxTag, maxTag),
    referenceTag,
    // A controller that does not announce it does not know these flags.
    flags: namespace.protection.type === 0 ? 0 : checked + (by === 'controller' ? flags.act : 0),
  };
}

/** What protection information there is: as the controller announces it, or else as the caller says. */
function readType(given: ReadonlyMap<string, unknown>, namespace: NamespaceInfo) {
  const { metadataSize, protection } = namespace;
  const type = checkInteger(or(given.get('type'), protection.type), 'protection.type', 0, 3);
  const announced = protection.place === 'first' ? 'first' : 'last';
  const place = checkOneOf(or(given.get('place'), announced), 'protection.place', ['first', 'last']);
  if (protection.type !== 0 && (type !== protection.type || place !== announced))
    conflict('protection.type and protection.place must be those that the controller announces');
  if (type !== 0 && metadataSize < protectionBytes)
    conflict(`protection.type needs ${protectionBytes} bytes of metadata; there are ${metadataSize}`);
  if (type !== 0 && protection.type === 0 && given.get('by') === 'controller')
    conflict("protection.by 'controller' needs protection information that the controller announces");
  return { type, place };
}
