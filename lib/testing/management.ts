// What a controller in memory does with the commands that change a device.

import { managementBits, managementOpcodes } from '../nvme/management.js';
import { sanitizePage } from '../nvme/sanitize.js';
import { selfTestPage } from '../nvme/self-test.js';
import { everyNamespace } from '../options/namespace-id.js';
import type { AdminQuestion, MemoryAdminResult } from './admin.js';
import type { MemoryNamespace, MemoryNamespaceOptions } from './namespace.js';
import { checkWhenSet, whole } from './settable.js';

/** The subsystem, as far as these commands need it. */
interface ManagedSubsystem {
  readonly namespaces: ReadonlyMap<number, MemoryNamespace>;
  addNamespace(id: number, options?: MemoryNamespaceOptions): MemoryNamespace;
  removeNamespace(id: number): void;
}

const opcodes = { getLogPage: 0x02, identify: 0x06, ...managementOpcodes } as const;
/** Bits of OACS by opcode. */
const announced: ReadonlyMap<number, number> = new Map([
  [opcodes.format, managementBits.format],
  [opcodes.firmwareCommit, managementBits.firmware],
  [opcodes.firmwareDownload, managementBits.firmware],
  [opcodes.namespaceManagement, managementBits.namespaces],
  [opcodes.namespaceAttachment, managementBits.namespaces],
  [opcodes.selfTest, managementBits.selfTest],
]);
const invalidOpcode = 0x01;
const invalidField = 0x02;
const invalidNamespace = 0x0b;
const alreadyAttached = 0x118;
const notAttached = 0x11a;
const testRunning = 0x11d;
const blockSizes = [512, 4096];
const firmwareUnit = 1;

/** A status with its type in bits 8 to 10; neither: it succeeded. */
interface Outcome {
  readonly status?: number;
  readonly cdw0?: number;
}

/** The commands that change a device, and what they have done. */
export class MemoryManagement {
  /** Optional Admin Command Support and Sanitize Capabilities of Identify Controller. None by default. */
  oacs = 0;
  sanicap = 0;
  /** Format NVM Attributes; bit 2: it erases cryptographically. */
  fna = 0;
  /** The status with which a commit ends, with its type in bits 8 to 10: 0x111 says that it needs a reset of the controller. */
  commitStatus = 0;
  /** CDW10 of the latest command of each opcode. */
  readonly latest = new Map<number, number>();
  #image = Buffer.alloc(0);
  #firmware = Buffer.alloc(0);
  #created = new Map<number, MemoryNamespaceOptions>();
  #sanitized = 0;
  #test = 0;
  readonly #tests: number[] = [];

  constructor() {
    checkWhenSet<MemoryManagement>(this, {
      oacs: whole(0, 0xffff),
      sanicap: whole(0, 0xffff_ffff),
      fna: whole(0, 0xff),
      commitStatus: whole(0, 0x7ff),
    });
  }

  /** @internal Completes what it knows, and leaves the result of other commands as it is. */
  complete(
    question: AdminQuestion,
    result: MemoryAdminResult,
    subsystem: ManagedSubsystem,
  ): MemoryAdminResult {
    const [cdw10 = 0] = question.cdw;
    const { opcode } = question;
    const data = Buffer.from(result.data.buffer, result.data.byteOffset, result.data.byteLength);
    if (opcode === opcodes.identify && (cdw10 & 0xff) === 1) this.#describe(data);
    if (opcode === opcodes.identify && (cdw10 & 0xff) === 0)
      describeNamespace(data, subsystem.namespaces.get(question.nsid));
    if (opcode === opcodes.getLogPage) this.#log(cdw10 & 0xff, data);
    const bit = announced.get(opcode);
    if (bit === undefined && opcode !== opcodes.sanitize) return result;
    const has = bit === undefined ? this.sanicap !== 0 : (this.oacs & (1 << bit)) !== 0;
    if (!has) return { status: invalidOpcode, cdw0: 0, data: new Uint8Array(0) };
    this.latest.set(opcode, cdw10);
    const { status = 0, cdw0 = 0 } = this.#execute(question, cdw10, subsystem);
    return { status, cdw0, data: new Uint8Array(0) };
  }

  /** The image of the downloaded and committed firmware. */
  get firmware(): Buffer {
    return this.#firmware;
  }

  /** Ends the running self-test. */
  endSelfTest(): void {
    if (this.#test !== 0) this.#tests.unshift(this.#test << 4);
    this.#test = 0;
  }

  #execute(question: AdminQuestion, cdw10: number, subsystem: ManagedSubsystem): Outcome {
    switch (question.opcode) {
      case opcodes.format:
        return format(question.nsid, cdw10, subsystem);
      case opcodes.namespaceManagement:
        return (cdw10 & 15) === 0 ? this.#create(question, subsystem) : this.#delete(question, subsystem);
      case opcodes.namespaceAttachment:
        return this.#attach(question, cdw10 & 15, subsystem);
      case opcodes.firmwareDownload: {
        const at = (question.cdw[1] ?? 0) * 4;
        if (question.data.byteLength !== (cdw10 + 1) * 4) return { status: invalidField };
        const image = Buffer.alloc(Math.max(this.#image.length, at + question.data.byteLength));
        this.#image.copy(image);
        image.set(question.data, at);
        this.#image = image;
        return {};
      }
      case opcodes.firmwareCommit:
        if (((cdw10 >> 3) & 7) < 2) this.#firmware = this.#image;
        return { status: this.commitStatus };
      case opcodes.sanitize:
        this.#sanitized = cdw10;
        for (const { data } of subsystem.namespaces.values()) data.fill(0);
        return {};
      default:
        if (cdw10 === 0xf) {
          if (this.#test !== 0) this.#tests.unshift((this.#test << 4) | 1);
          this.#test = 0;
        } else if (this.#test !== 0) return { status: testRunning };
        else this.#test = cdw10;
        return {};
    }
  }

  #create({ data }: AdminQuestion, { namespaces }: ManagedSubsystem) {
    const fields = Buffer.from(data);
    if (fields.length !== 4096) return { status: invalidField };
    const taken = [...namespaces.keys(), ...this.#created.keys()];
    const nsid = Math.max(0, ...taken) + 1;
    const blockSize = blockSizes[fields.readUInt8(26) & 15];
    if (blockSize === undefined) return { status: 0x10a };
    this.#created.set(nsid, { blocks: Number(fields.readBigUInt64LE(0)), blockSize });
    return { cdw0: nsid };
  }

  #delete({ nsid }: AdminQuestion, subsystem: ManagedSubsystem) {
    const all = [...subsystem.namespaces.keys(), ...this.#created.keys()];
    const gone = nsid === everyNamespace ? all : all.filter((id) => id === nsid);
    if (gone.length === 0) return { status: invalidNamespace };
    for (const id of gone) {
      subsystem.removeNamespace(id);
      this.#created.delete(id);
    }
    return {};
  }

  #attach({ nsid, data }: AdminQuestion, select: number, subsystem: ManagedSubsystem) {
    const there = subsystem.namespaces.get(nsid);
    // A list of the one controller that there is.
    if (data.byteLength !== 4096 || data[0] !== 1 || data[2] !== 1) return { status: 0x11c };
    if (select === 1) {
      if (!there) return { status: notAttached };
      this.#created.set(nsid, { blocks: there.blocks, blockSize: there.blockSize });
      subsystem.removeNamespace(nsid);
      return {};
    }
    if (there) return { status: alreadyAttached };
    const options = this.#created.get(nsid);
    if (!options) return { status: invalidNamespace };
    this.#created.delete(nsid);
    subsystem.addNamespace(nsid, options);
    return {};
  }

  #describe(data: Buffer): void {
    if (data.byteLength !== 4096) return;
    data.writeUInt16LE(this.oacs, 256);
    data.writeUInt8(firmwareUnit, 319);
    data.writeUInt32LE(this.sanicap, 328);
    data.writeUInt8(this.fna, 524);
  }

  #log(page: number, data: Buffer): void {
    if (page === sanitizePage && data.byteLength >= 32) {
      data.fill(0);
      data.writeUInt16LE(0xffff, 0);
      data.writeUInt16LE(this.#sanitized === 0 ? 0 : 1, 2);
      data.writeUInt32LE(this.#sanitized, 4);
      data.fill(0xff, 8, 32);
    }
    if (page === selfTestPage && data.byteLength >= 564) {
      data.fill(0);
      data.writeUInt8(this.#test, 0);
      data.writeUInt8(this.#test === 0 ? 0 : 50, 1);
      for (let i = 0; i < 20; i++) data.writeUInt8(this.#tests[i] ?? 0xf, 4 + 28 * i);
    }
  }
}

/** Identify Namespace: its size and its format. */
function describeNamespace(data: Buffer, namespace: MemoryNamespace | undefined): void {
  if (data.byteLength !== 4096) return;
  data.fill(0);
  if (!namespace) return;
  const { blocks, blockSize, metadataSize } = namespace;
  for (const at of [0, 8, 16]) data.writeBigUInt64LE(BigInt(blocks), at);
  const known = blockSizes.indexOf(blockSize);
  const index = known < 0 ? blockSizes.length : known;
  data.writeUInt8(Math.max(index, blockSizes.length - 1), 25);
  data.writeUInt8(index | (namespace.info().metadata === 'interleaved' ? 1 << 4 : 0), 26);
  for (const [i, size] of [...blockSizes, ...(known < 0 ? [blockSize] : [])].entries())
    data.writeUInt8(Math.log2(size), 128 + 4 * i + 2);
  data.writeUInt16LE(metadataSize, 128 + 4 * index);
}

function format(nsid: number, cdw10: number, subsystem: ManagedSubsystem) {
  const blockSize = blockSizes[cdw10 & 15];
  if (blockSize === undefined) return { status: 0x10a };
  const all = [...subsystem.namespaces.values()];
  const chosen = nsid === everyNamespace ? all : all.filter(({ id }) => id === nsid);
  if (chosen.length === 0) return { status: invalidNamespace };
  for (const { id, data, uuid } of chosen)
    subsystem.addNamespace(id, { blocks: data.byteLength / blockSize, blockSize, uuid });
  return {};
}
