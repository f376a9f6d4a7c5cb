// Commands that change a device: format, namespaces, firmware, sanitize, self-test.

import type { Admin } from './admin.js';
import { SpdkError } from './errors/spdk-error.js';
import { managementBits, managementOpcodes as opcodes } from './nvme/management.js';
import { decodeSanitizeLog, type SanitizeLog, sanitizeBytes, sanitizePage } from './nvme/sanitize.js';
import {
  decodeSelfTestLog,
  type SelfTestLog,
  selfTestBytes,
  selfTestCodes,
  selfTestPage,
} from './nvme/self-test.js';
import { type AdminLimits, type AdminOptions, checkLimits, rest } from './options/admin-command.js';
import { checkInteger } from './options/arguments.js';
import { invalidBuffer, plainBytesOf } from './options/buffers.js';
import {
  type CreateNamespaceOptions,
  checkAttachment,
  checkCommit,
  checkCreate,
  checkDelete,
  checkDownload,
  checkFormat,
  checkSanitize,
  checkSelfTest,
  type FirmwareCommitOptions,
  type FirmwareDownloadOptions,
  type FormatOptions,
  type NamespaceAttachmentOptions,
  type SanitizeOptions,
  type SelfTestOptions,
} from './options/management.js';
import { everyNamespace } from './options/namespace-id.js';

export type {
  BlockFormatOptions,
  CreateNamespaceOptions,
  FirmwareCommitOptions,
  FirmwareDownloadOptions,
  FormatOptions,
  NamespaceAttachmentOptions,
  SanitizeAction,
  SanitizeOptions,
  SelfTestOptions,
} from './options/management.js';

/** What activates the firmware that was committed; `nothing` if it is active, or was only stored. */
export type FirmwareActivation = 'nothing' | 'controller-reset' | 'conventional-reset' | 'subsystem-reset';

/** Optional Admin Command Support, Identify Controller bytes 256 and 257. */
const optional = {
  format: { bit: managementBits.format, name: 'Format NVM' },
  firmware: { bit: managementBits.firmware, name: 'Firmware Commit and Firmware Image Download' },
  namespaces: { bit: managementBits.namespaces, name: 'Namespace Management and Namespace Attachment' },
  selfTest: { bit: managementBits.selfTest, name: 'Device Self-test' },
} as const;
const oacs = 256;
const fwug = 319;
const sanicap = 328;
const fna = 524;
/** Formatted LBA Size, Identify Namespace. */
const flbas = 26;
const erasesCryptographically = 1 << 2;
/** Sanitize Capabilities. */
const sanitizeBits = { 'crypto-erase': 1, 'block-erase': 2, overwrite: 4, 'exit-failure': 7 } as const;
const granularityBytes = 4096;
const maxPieceBytes = 131_072;
/** Command-specific statuses of a commit that succeeded, and whose image waits for a reset. */
const activations: Readonly<Record<number, FirmwareActivation>> = {
  11: 'conventional-reset',
  16: 'subsystem-reset',
  17: 'controller-reset',
};
const commandSpecific = 1;

/** @internal What the commands need of their controller. */
export interface ManagementServices {
  readonly admin: Pick<Admin, 'sendTo' | 'tagOf' | 'identify' | 'logPage'>;
  readonly cntlid: () => number;
  readonly maxBytes: () => number;
}

/**
 * Commands that change the device behind a controller. Each reads Identify Controller first and rejects with ERR_SPDK_UNSUPPORTED, with
 * nothing else sent, if the controller does not announce it; `nvmf_tgt` and Linux's target announce none. They otherwise reject as
 * `admin.send()`. `format` and the commands for namespaces and firmware may take long: their `timeoutMs` is 10 minutes by default. Formatting,
 * deleting and sanitizing destroy data without asking for confirmation.
 */
export class Management {
  readonly #services: ManagementServices;

  private constructor(services: ManagementServices) {
    this.#services = services;
  }

  /** @internal */
  static create(services: ManagementServices): Management {
    return new Management(services);
  }

  /**
   * Format NVM: erases a namespace and gives it another format of blocks, or the same one if `lbaFormat` is not given. All namespaces
   * (0xffffffff) need `lbaFormat`. Namespaces are described again when the controller reports the change.
   */
  async format(nsid: number, options?: FormatOptions): Promise<void> {
    const { cdw10, keeps, limits, cryptographic, ...target } = checkFormat(nsid, options);
    const tag = this.#services.admin.tagOf(target.nsid);
    const controller = await this.#require('format', limits);
    if (cryptographic && (controller.readUInt8(fna) & erasesCryptographically) === 0)
      throw unsupported('a cryptographic erase in Format NVM', 'FNA bit 2');
    const format = keeps ? await this.#formatOf(target.nsid, limits) : 0;
    await this.#send({ opcode: opcodes.format, nsid: target.nsid, cdw: [cdw10(format)] }, limits, tag);
  }

  /** Creates a namespace, to which no controller is attached yet. Resolves with its id. */
  async createNamespace(options: CreateNamespaceOptions): Promise<number> {
    const { data, limits } = checkCreate(options);
    await this.#require('namespaces', limits);
    return this.#send({ opcode: opcodes.namespaceManagement, data }, limits);
  }

  /** Deletes a namespace, or all of them (0xffffffff), with its data. */
  async deleteNamespace(nsid: number, options?: AdminOptions): Promise<void> {
    const { limits, ...target } = checkDelete(nsid, options);
    const tag = this.#services.admin.tagOf(target.nsid);
    await this.#require('namespaces', limits);
    await this.#send({ opcode: opcodes.namespaceManagement, nsid: target.nsid, cdw: [1] }, limits, tag);
  }

  /** Attaches controllers to a namespace, which is then in their `namespaces`. */
  async attachNamespace(nsid: number, options?: NamespaceAttachmentOptions): Promise<void> {
    await this.#attachment(nsid, options, 0);
  }

  /** Ends what `attachNamespace` began. */
  async detachNamespace(nsid: number, options?: NamespaceAttachmentOptions): Promise<void> {
    await this.#attachment(nsid, options, 1);
  }

  /**
   * Firmware Image Download: sends an image, or a part of one, in pieces of the granularity that the controller reports.
   * @throws {SpdkError} ERR_SPDK_INVALID_BUFFER for an image that is empty or no multiple of 4 bytes
   */
  async downloadFirmware(image: NodeJS.ArrayBufferView, options?: FirmwareDownloadOptions): Promise<void> {
    const { offset, limits } = checkDownload(options);
    // A copy, which the caller cannot change while it is sent.
    const bytes = Buffer.from(plainBytesOf(image, 'image'));
    if (bytes.length === 0 || bytes.length % 4 !== 0)
      throw invalidBuffer(`the length of image must be a multiple of 4 bytes and not 0; got ${bytes.length}`);
    checkInteger(offset + bytes.length, 'the end of the image', 4, 2 ** 34, 'bytes');
    const controller = await this.#require('firmware', limits);
    const unit = controller.readUInt8(fwug);
    const granularity = unit === 0 || unit === 0xff ? granularityBytes : unit * granularityBytes;
    const max = Math.min(maxPieceBytes, this.#services.maxBytes());
    const piece = Math.max(granularity, Math.floor(max / granularity) * granularity);
    for (let at = 0; at < bytes.length; at += piece) {
      const data = bytes.subarray(at, at + piece);
      const cdw = [data.length / 4 - 1, (offset + at) / 4];
      await this.#send({ opcode: opcodes.firmwareDownload, cdw, data }, limits);
    }
  }

  /** Firmware Commit: stores the image that was downloaded, or activates one. Resolves with what still has to happen. */
  async commitFirmware(options: FirmwareCommitOptions): Promise<FirmwareActivation> {
    const { cdw10, limits } = checkCommit(options);
    await this.#require('firmware', limits);
    try {
      await this.#send({ opcode: opcodes.firmwareCommit, cdw: [cdw10] }, limits);
      return 'nothing';
    } catch (error) {
      const status = error instanceof SpdkError ? error.nvmeStatus : undefined;
      const activation = status?.sct === commandSpecific ? activations[status.sc] : undefined;
      if (activation === undefined) throw error;
      return activation;
    }
  }

  /** Sanitize: begins to erase all data of the subsystem. {@link sanitizeLog} has its progress; a reset does not end it. */
  async sanitize(options: SanitizeOptions): Promise<void> {
    const { action, cdw, limits } = checkSanitize(options);
    const tag = this.#services.admin.tagOf(everyNamespace);
    await this.#requireSanitize(sanitizeBits[action], `the sanitize action '${action}'`, limits);
    await this.#send({ opcode: opcodes.sanitize, cdw }, limits, tag);
  }

  /** The Sanitize Status log page (81h). */
  async sanitizeLog(options?: AdminOptions): Promise<SanitizeLog> {
    const limits = checkLimits(options);
    await this.#requireSanitize(sanitizeBits['exit-failure'], 'Sanitize', limits);
    const { admin } = this.#services;
    return decodeSanitizeLog(await admin.logPage(sanitizePage, sanitizeBytes, undefined, rest(limits)));
  }

  /** Device Self-test: begins a test, or ends the one that is running. {@link selfTestLog} has its progress and its result. */
  async selfTest(kind: 'short' | 'extended' | 'abort', options?: SelfTestOptions): Promise<void> {
    const { limits, nsid, ...test } = checkSelfTest(kind, options);
    await this.#require('selfTest', limits);
    await this.#send({ opcode: opcodes.selfTest, nsid, cdw: [selfTestCodes[test.kind]] }, limits);
  }

  /** The Device Self-test log page (06h). */
  async selfTestLog(options?: AdminOptions): Promise<SelfTestLog> {
    const limits = checkLimits(options);
    await this.#require('selfTest', limits);
    const { admin } = this.#services;
    return decodeSelfTestLog(await admin.logPage(selfTestPage, selfTestBytes, undefined, rest(limits)));
  }

  async #attachment(nsid: unknown, options: unknown, select: number): Promise<void> {
    const { data, limits, ...target } = checkAttachment(nsid, options, this.#services.cntlid());
    const tag = this.#services.admin.tagOf(target.nsid);
    await this.#require('namespaces', limits);
    const command = { opcode: opcodes.namespaceAttachment, nsid: target.nsid, cdw: [select], data };
    await this.#send(command, limits, tag);
  }

  /** FLBAS of a namespace. @throws {SpdkError} ERR_SPDK_INVALID_ARG_VALUE if the controller has no such namespace */
  async #formatOf(nsid: number, limits: AdminLimits): Promise<number> {
    const namespace = await this.#services.admin.identify(0, nsid, rest(limits));
    if (namespace.readBigUInt64LE(0) > 0n) return namespace.readUInt8(flbas);
    throw new SpdkError(
      'ERR_SPDK_INVALID_ARG_VALUE',
      `lbaFormat is missing: the controller does not describe namespace ${nsid}, so that its format cannot be kept`,
    );
  }

  /** Identify Controller, if it announces a command. @throws {SpdkError} ERR_SPDK_UNSUPPORTED */
  async #require(command: keyof typeof optional, limits: AdminLimits): Promise<Buffer> {
    const { bit, name } = optional[command];
    const controller = await this.#services.admin.identify(1, 0, rest(limits));
    if ((controller.readUInt16LE(oacs) & (1 << bit)) === 0) throw unsupported(name, `OACS bit ${bit}`);
    return controller;
  }

  async #requireSanitize(bits: number, name: string, limits: AdminLimits): Promise<void> {
    const controller = await this.#services.admin.identify(1, 0, rest(limits));
    if ((controller.readUInt32LE(sanicap) & bits) === 0) throw unsupported(name, 'SANICAP');
  }

  /** @param tag of the namespaces that the caller named: a reset since may have led to other disks */
  async #send(command: Parameters<Admin['send']>[0], limits: AdminLimits, tag = 0): Promise<number> {
    return (await this.#services.admin.sendTo(tag, command, rest(limits))).cdw0;
  }
}

function unsupported(name: string, where: string): SpdkError {
  return new SpdkError(
    'ERR_SPDK_UNSUPPORTED',
    `The controller does not support ${name} (${where} of Identify Controller)`,
  );
}
