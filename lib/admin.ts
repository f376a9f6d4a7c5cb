// The admin commands of one controller.

import { SpdkError } from './errors/spdk-error.js';
import { PendingCall } from './internal/pending-call.js';
import { withJson } from './internal/shown.js';
import { tooLongError } from './internal/state-errors.js';
import type { NativeController } from './native/contract.js';
import { managementOpcodes } from './nvme/management.js';
import { decodeNamespaceDescriptors, type NamespaceDescriptor } from './nvme/namespace-descriptors.js';
import { receivesData } from './nvme/opcode.js';
import {
  type AdminCommand,
  type AdminLimits,
  type AdminOptions,
  type CheckedCommand,
  checkCommand,
  checkLimits,
} from './options/admin-command.js';
import { checkInteger } from './options/arguments.js';
import { checkLogPage, type LogPageOptions, logPageDwords, readLogPage } from './options/log-page.js';
import { everyNamespace } from './options/namespace-id.js';

/** The completion of an admin command. */
export interface AdminResult {
  /** Dword 0 of the completion. */
  readonly cdw0: number;
  /** The received data; empty for commands that receive none. */
  readonly data: Buffer;
}

/**
 * The SMART / Health Information log page, with the fields that fabrics controllers fill (log page 02h). In JSON the counters
 * are numbers, or strings from 2^53 on.
 */
export interface SmartLog {
  readonly criticalWarning: number;
  /** Kelvin; 0 if the controller reports none. */
  readonly temperatureKelvin: number;
  readonly availableSparePercent: number;
  readonly percentageUsed: number;
  /** Thousands of units of 512 bytes. */
  readonly dataUnitsRead: bigint;
  readonly dataUnitsWritten: bigint;
  readonly hostReadCommands: bigint;
  readonly hostWriteCommands: bigint;
  readonly powerCycles: bigint;
  readonly powerOnHours: bigint;
  readonly mediaErrors: bigint;
}

/** One entry of the Error Information log page (log page 01h); in JSON without bigints, as {@link SmartLog}. */
export interface ErrorLogEntry {
  readonly errorCount: bigint;
  readonly queueId: number;
  readonly commandId: number;
  readonly status: number;
  readonly block: bigint;
  readonly nsid: number;
}

const smartBytes = 512;
const errorEntryBytes = 64;
const identifyBytes = 4096;
/** Controller or Namespace Structure: the namespace identification descriptors. */
const cnsDescriptors = 0x03;
/** Log Page Attributes in Identify Controller, and its bit for extended data. */
const lpa = 261;
const extendedData = 1 << 2;
const opcodes = { getLogPage: 0x02, identify: 0x06, setFeatures: 0x09, getFeatures: 0x0a } as const;

/** @internal What the admin commands need of their controller. */
export interface AdminServices {
  readonly native: Pick<NativeController, 'admin'>;
  /** The error for new commands; undefined if they are accepted. */
  readonly rejection: () => SpdkError | undefined;
  /** The maximum transfer of one command in bytes. */
  readonly maxBytes: () => number;
  /** The tag of the namespace that has this id now, or of the newest one where it stands for all; 0 if there is none. */
  readonly tagOf: (nsid: number) => number;
}

/**
 * The admin commands of one controller. If a call sends several commands, one time limit and one signal
 * are for all of them.
 */
export class Admin {
  readonly #services: AdminServices;

  private constructor(services: AdminServices) {
    this.#services = services;
  }

  /** @internal */
  static create(services: AdminServices): Admin {
    return new Admin(services);
  }

  /**
   * Sends any admin command. The two lowest bits of its opcode are the direction of its data, which `data` or
   * `dataLength` must match. A command that receives no data may change something. It is therefore never sent to another
   * namespace that has taken over the id since the call, but rejects with ERR_SPDK_NAMESPACE_GONE. A command for all namespaces
   * (0xffffffff, and Sanitize) rejects likewise if a namespace has been added since the call.
   * @throws {SpdkError} ERR_SPDK_IO_FAILED with the controller's status; ERR_SPDK_TIMEOUT; ERR_SPDK_ABORTED. Without
   *   sending anything: ERR_SPDK_INVALID_ARG_VALUE for more data than `controller.info.maxTransferBytes`,
   *   ERR_SPDK_CONFLICTING_OPTIONS, ERR_SPDK_UNSUPPORTED, ERR_SPDK_DETACHING,
   *   ERR_SPDK_CONTROLLER_DETACHED, ERR_SPDK_CONTROLLER_FAILED or ERR_SPDK_NAMESPACE_GONE
   */
  async send(command: AdminCommand, options?: AdminOptions): Promise<AdminResult> {
    const checked = checkCommand(command);
    const reach = checked.opcode === managementOpcodes.sanitize ? everyNamespace : checked.nsid;
    const tag = receivesData(checked.opcode) ? 0 : this.tagOf(reach);
    return this.#send(`Admin command ${checked.opcode}`, checked, checkLimits(options), tag);
  }

  /** @internal Distinguishes the namespace that has this id now, or all of them, from others that come later; 0 if there is none. */
  tagOf(nsid: number): number {
    return this.#services.tagOf(nsid);
  }

  /** @internal As `send`, for the namespace with this tag. */
  async sendTo(tag: number, command: AdminCommand, options?: AdminOptions): Promise<AdminResult> {
    const checked = checkCommand(command);
    return this.#send(`Admin command ${checked.opcode}`, checked, checkLimits(options), tag);
  }

  /** Identify: 4096 bytes of the structure that CNS names (default 01h, the controller). */
  async identify(cns = 1, nsid = 0, options?: AdminOptions): Promise<Buffer> {
    checkInteger(cns, 'cns', 0, 0xff);
    return this.#identify(cns, nsid, checkLimits(options));
  }

  /**
   * The list of namespace identification descriptors (Identify, CNS 03h): UUID, NGUID, EUI-64 and command set, as far as the controller
   * reports them.
   * @throws {SpdkError} as `send`; ERR_SPDK_IO_FAILED from controllers before NVMe 1.3, which do not have the list
   */
  async namespaceDescriptors(nsid: number, options?: AdminOptions): Promise<NamespaceDescriptor[]> {
    checkInteger(nsid, 'nsid', 1, 0xffff_fffe);
    return decodeNamespaceDescriptors(await this.#identify(cnsDescriptors, nsid, checkLimits(options)));
  }

  /**
   * Get Log Page. A page that is longer than one command transfers is read in pieces, for which the controller must
   * support offsets.
   * @param length in bytes, a multiple of 4, up to 268435456
   * @throws {SpdkError} as `send`; ERR_SPDK_LOG_PAGE_CHANGED; ERR_SPDK_UNSUPPORTED if the controller
   *   does not support offsets
   */
  async logPage(
    page: number,
    length: number,
    nsid = everyNamespace,
    options?: LogPageOptions,
  ): Promise<Buffer> {
    const { request, limits } = checkLogPage(page, length, nsid, options);
    const what = `Reading log page ${page}`;
    return readLogPage(
      {
        maxBytes: this.#services.maxBytes(),
        supportsOffsets: async () =>
          ((await this.#identify(1, 0, limits)).readUInt8(lpa) & extendedData) !== 0,
        read: async (piece) => {
          const command = { opcode: opcodes.getLogPage, nsid: piece.nsid, dataLength: piece.length };
          const checked = checkCommand({ ...command, cdw: logPageDwords(piece) });
          return (await this.#send(what, checked, limits)).data;
        },
      },
      request,
    );
  }

  async smartLog(options?: AdminOptions): Promise<SmartLog> {
    const page = await this.logPage(0x02, smartBytes, everyNamespace, options);
    // Counters have 128 bits; the upper 64 are not used in practice.
    const counter = (at: number) => page.readBigUInt64LE(at);
    return withJson({
      criticalWarning: page.readUInt8(0),
      temperatureKelvin: page.readUInt16LE(1),
      availableSparePercent: page.readUInt8(3),
      percentageUsed: page.readUInt8(5),
      dataUnitsRead: counter(32),
      dataUnitsWritten: counter(48),
      hostReadCommands: counter(64),
      hostWriteCommands: counter(80),
      powerCycles: counter(112),
      powerOnHours: counter(128),
      mediaErrors: counter(160),
    });
  }

  /** The newest errors first, without unused entries. */
  async errorLog(entries = 1, options?: AdminOptions): Promise<ErrorLogEntry[]> {
    checkInteger(entries, 'entries', 1, 256);
    const page = await this.logPage(0x01, entries * errorEntryBytes, everyNamespace, options);
    return Array.from({ length: entries }, (_, i) => page.subarray(i * errorEntryBytes))
      .map((entry) =>
        withJson({
          errorCount: entry.readBigUInt64LE(0),
          queueId: entry.readUInt16LE(8),
          commandId: entry.readUInt16LE(10),
          status: entry.readUInt16LE(12) >> 1,
          block: entry.readBigUInt64LE(16),
          nsid: entry.readUInt32LE(24),
        }),
      )
      .filter((entry) => entry.errorCount !== 0n);
  }

  /** Get Features: the current value of a feature. */
  async getFeature(feature: number, nsid = 0, options?: AdminOptions): Promise<number> {
    checkInteger(feature, 'feature', 0, 0xff);
    return (await this.send({ opcode: opcodes.getFeatures, nsid, cdw: [feature] }, options)).cdw0;
  }

  /** Set Features, for features whose value is dword 11. Returns dword 0 of the completion. */
  async setFeature(feature: number, value: number, nsid = 0, options?: AdminOptions): Promise<number> {
    checkInteger(feature, 'feature', 0, 0xff);
    checkInteger(value, 'value', 0, 0xffff_ffff);
    return (await this.send({ opcode: opcodes.setFeatures, nsid, cdw: [feature, value] }, options)).cdw0;
  }

  async #identify(cns: number, nsid: number, limits: AdminLimits): Promise<Buffer> {
    const command = { opcode: opcodes.identify, nsid, cdw: [cns], dataLength: identifyBytes };
    return (await this.#send('Identify', checkCommand(command), limits)).data;
  }

  #send(what: string, command: CheckedCommand, limits: AdminLimits, tag = 0): Promise<AdminResult> {
    const { native, maxBytes } = this.#services;
    const { byteLength } = command.data;
    const max = maxBytes();
    const rejection =
      this.#services.rejection() ?? (byteLength > max ? tooLongError(byteLength, max) : undefined);
    if (rejection) return Promise.reject(rejection);
    const { opcode, nsid, cdw, data } = command;
    let giveUp = () => {};
    const [cdw10 = 0, cdw11 = 0, cdw12 = 0, cdw13 = 0, cdw14 = 0, cdw15 = 0] = cdw;
    return PendingCall.start<AdminResult>(
      {
        what,
        ...limits,
        timeoutCode: 'ERR_SPDK_TIMEOUT',
        timeoutHint: 'The controller may still carry it out.',
        cancel: () => giveUp(),
      },
      (call) => {
        giveUp = native.admin({
          ...{ opcode, nsid, tag, cdw10, cdw11, cdw12, cdw13, cdw14, cdw15, data },
          done: (failure, cdw0, returned) => {
            if (failure) call.reject(SpdkError.fromNative(failure));
            else call.resolve({ cdw0, data: returned });
          },
        });
      },
    ).promise;
  }
}
