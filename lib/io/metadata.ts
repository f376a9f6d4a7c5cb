// Blocks with their metadata, as commands over fabrics transfer them: each block's data and then its metadata.

import { nvmeStatus } from '../errors/nvme-status.js';
import { SpdkError } from '../errors/spdk-error.js';
import { native } from '../native/addon.js';
import { Composite, gather, type IoData, scatter } from './data.js';

/** Bytes of protection information with a guard of 16 bits: guard, application tag, reference tag. */
export const protectionBytes = 8;

/** What a block consists of. */
export interface BlockShape {
  readonly blockSize: number;
  readonly metadataSize: number;
}

/** Protection information that this package makes or checks (NVM command set specification, "End-to-end Data Protection"). */
export interface BlockProtection {
  readonly type: number;
  /** Where the protection information begins in a block with its metadata. The guard covers everything before. */
  readonly at: number;
  readonly checksGuard: boolean;
  readonly checksApplicationTag: boolean;
  readonly checksReferenceTag: boolean;
  readonly applicationTag: number;
  readonly applicationTagMask: number;
  /** The tag of the first block; types 1 and 2 count from there. */
  readonly referenceTag: number;
}

/** The memory that the data and the metadata of an operation come from or go to. */
export interface BlockMemory {
  /** The data, or all of the blocks if these are interleaved there too. */
  readonly data: IoData;
  /** Undefined: zeroes are sent, and what arrives is dropped. */
  readonly metadata: Uint8Array | undefined;
  readonly interleaved: boolean;
}

/** Data and metadata as one run of whole blocks. */
export class ExtendedBlocks extends Composite {
  readonly byteLength: number;
  readonly #shape: BlockShape;
  readonly #memory: BlockMemory;
  readonly #first: number;
  readonly #protection: BlockProtection | undefined;

  /** @param first the number of the first block, for messages; @param protection undefined: it is in the metadata already */
  constructor(
    shape: BlockShape,
    memory: BlockMemory,
    first: number,
    blocks: number,
    protection: BlockProtection | undefined,
  ) {
    super();
    this.#shape = shape;
    this.#memory = memory;
    this.#first = first;
    this.#protection = protection;
    this.byteLength = blocks * (shape.blockSize + shape.metadataSize);
  }

  override gather(at: number, length: number, memory: Uint8Array, offset: number): void {
    const { data, metadata, interleaved } = this.#memory;
    const { blockSize, metadataSize } = this.#shape;
    if (interleaved) gather(data, at, length, memory, offset);
    else {
      this.#each(at, length, (index, to) => {
        gather(data, index * blockSize, blockSize, memory, offset + to);
        const end = offset + to + blockSize;
        if (metadata) gather(metadata, index * metadataSize, metadataSize, memory, end);
        else memory.fill(0, end, end + metadataSize);
      });
    }
    if (this.#protection) this.#protect(this.#protection, at, memory.subarray(offset, offset + length));
  }

  /** @throws {SpdkError} ERR_SPDK_PROTECTION */
  override scatter(at: number, length: number, memory: Uint8Array, offset: number): void {
    const { data, metadata, interleaved } = this.#memory;
    const { blockSize, metadataSize } = this.#shape;
    if (this.#protection) this.#check(this.#protection, at, memory.subarray(offset, offset + length));
    if (interleaved) {
      scatter(data, at, length, memory, offset);
      return;
    }
    this.#each(at, length, (index, from) => {
      scatter(data, index * blockSize, blockSize, memory, offset + from);
      if (metadata) scatter(metadata, index * metadataSize, metadataSize, memory, offset + from + blockSize);
    });
  }

  /** Calls `visit` for each block of a part: with its index, and where in the part it is. */
  #each(at: number, length: number, visit: (index: number, start: number) => void): void {
    const bytes = this.#shape.blockSize + this.#shape.metadataSize;
    for (let done = 0; done < length; done += bytes) visit((at + done) / bytes, done);
  }

  #protect(protection: BlockProtection, at: number, memory: Uint8Array): void {
    const guards = this.#guards(protection, memory);
    const fields = fieldsOf(memory);
    const { applicationTag } = protection;
    let block = 0;
    this.#each(at, memory.byteLength, (index, start) => {
      const from = start + protection.at;
      fields.setUint16(from, guards[block++] as number);
      fields.setUint16(from + 2, applicationTag);
      fields.setUint32(from + 4, referenceTagOf(protection, index));
    });
  }

  #check(protection: BlockProtection, at: number, memory: Uint8Array): void {
    const { type, checksGuard, checksApplicationTag, checksReferenceTag, applicationTagMask } = protection;
    const guards = checksGuard ? this.#guards(protection, memory) : undefined;
    const fields = fieldsOf(memory);
    let block = 0;
    this.#each(at, memory.byteLength, (index, start) => {
      const from = start + protection.at;
      const guard = guards?.[block++];
      const [tag, reference] = [fields.getUint16(from + 2), fields.getUint32(from + 4)];
      // Blocks that were never written have all bits set, and are not checked.
      if (tag === 0xffff && (type !== 3 || reference === 0xffff_ffff)) return;
      const found = (what: Check, has: number, wanted: number) => {
        if (has !== wanted) throw protectionError(what, this.#first + index, has, wanted);
      };
      if (guard !== undefined) found('guard', fields.getUint16(from), guard);
      if (checksApplicationTag) {
        found('application tag', tag & applicationTagMask, protection.applicationTag & applicationTagMask);
      }
      if (checksReferenceTag) found('reference tag', reference, referenceTagOf(protection, index));
    });
  }

  #guards({ at }: BlockProtection, memory: Uint8Array): Uint16Array {
    return native().guards(memory, this.#shape.blockSize + this.#shape.metadataSize, at);
  }
}

type Check = 'guard' | 'application tag' | 'reference tag';

/** Media errors (status code type 2) of the NVM command set specification. */
const statusCodes: Readonly<Record<Check, number>> = {
  guard: 0x82,
  'application tag': 0x83,
  'reference tag': 0x84,
};

function protectionError(what: Check, block: number, has: number, wanted: number): SpdkError {
  const hex = (value: number) => `${value.toString(16)}h`;
  return new SpdkError(
    'ERR_SPDK_PROTECTION',
    `Block ${block} arrived with the ${what} ${hex(has)}, where ${hex(wanted)} was expected`,
    { nvmeStatus: nvmeStatus(2, statusCodes[what], false) },
  );
}

function referenceTagOf({ type, referenceTag }: BlockProtection, index: number): number {
  return type === 3 ? referenceTag : (referenceTag + index) >>> 0;
}

function fieldsOf(memory: Uint8Array): DataView {
  return new DataView(memory.buffer, memory.byteOffset, memory.byteLength);
}
