import { checkInteger, readOptions } from './arguments.js';
import { SpdkError, SpdkTypeError } from './errors.js';
import type { NativeController } from './native.js';
import { Operation } from './operation.js';
import { checkSignal, maxTimerMs } from './options.js';

/** An admin command as the NVMe base specification defines it. */
export interface AdminCommand {
  readonly opcode: number;
  /** Namespace id; default 0, 0xffffffff means all. */
  readonly nsid?: number | undefined;
  /** CDW10 to CDW15; missing ones are 0. */
  readonly cdw?: readonly number[] | undefined;
  /** Data to send to the controller; excludes `dataLength`. */
  readonly data?: Uint8Array | undefined;
  /** Bytes that come back; 0 to 1048576. */
  readonly dataLength?: number | undefined;
}

/** The limits of an admin command. */
export interface AdminOptions {
  /** Default 5000. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What a controller answered. */
export interface AdminResult {
  /** Dword 0 of the completion. */
  readonly cdw0: number;
  /** What came back; empty for commands that bring nothing. */
  readonly data: Buffer;
}

/** The SMART / Health Information log page, as far as fabrics controllers fill it (log page 02h). */
export interface SmartLog {
  readonly criticalWarning: number;
  /** Kelvin; 0 when the controller does not tell. */
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

/** One entry of the Error Information log page (log page 01h). */
export interface ErrorLogEntry {
  readonly errorCount: bigint;
  readonly queueId: number;
  readonly commandId: number;
  readonly status: number;
  readonly block: bigint;
  readonly nsid: number;
}

const mostData = 1_048_576;
const smartBytes = 512;
const errorEntryBytes = 64;
const identifyBytes = 4096;
const opcodes = { getLogPage: 0x02, identify: 0x06, setFeatures: 0x09, getFeatures: 0x0a } as const;
const everyNamespace = 0xffff_ffff;

/** The admin commands of one controller. */
export class Admin {
  readonly #native: NativeController;
  readonly #refusal: () => SpdkError | undefined;

  /** @internal */
  constructor(native: NativeController, refusal: () => SpdkError | undefined) {
    this.#native = native;
    this.#refusal = refusal;
  }

  /**
   * Sends any admin command.
   * @throws {SpdkError} ERR_SPDK_IO_FAILED with the controller's status; ERR_SPDK_TIMEOUT; ERR_SPDK_ABORTED;
   *   ERR_SPDK_DETACHING, ERR_SPDK_CONTROLLER_DETACHED or ERR_SPDK_CONTROLLER_FAILED at once
   */
  async send(command: AdminCommand, options?: AdminOptions): Promise<AdminResult> {
    const given = readOptions(command, 'admin command', ['opcode', 'nsid', 'cdw', 'data', 'dataLength']);
    const opcode = checkInteger(given.get('opcode'), 'opcode', 0, 0xff);
    const nsid = checkInteger(given.get('nsid') ?? 0, 'nsid', 0, 0xffff_ffff);
    const cdw = given.get('cdw') ?? [];
    if (!Array.isArray(cdw))
      throw new SpdkTypeError('cdw must be an array of up to six numbers, CDW10 to CDW15');
    checkInteger(cdw.length, 'the length of cdw', 0, 6);
    const dword = (i: number) => checkInteger(cdw[i] ?? 0, `cdw[${i}]`, 0, 0xffff_ffff);
    const data =
      given.get('data') ??
      new Uint8Array(checkInteger(given.get('dataLength') ?? 0, 'dataLength', 0, mostData));
    if (!(data instanceof Uint8Array)) throw new SpdkTypeError('data must be a Uint8Array');
    if (given.has('data') && given.has('dataLength')) {
      throw new SpdkError(
        'ERR_SPDK_CONFLICTING_OPTIONS',
        'Give data to send or dataLength to receive, not both',
      );
    }
    checkInteger(data.byteLength, 'the length of data', 0, mostData);
    const limits = readOptions(options, 'admin options', ['timeoutMs', 'signal']);
    const timeoutMs = checkInteger(
      limits.get('timeoutMs') ?? 5_000,
      'timeoutMs',
      1,
      maxTimerMs,
      'milliseconds',
    );
    const signal = limits.get('signal') === undefined ? undefined : checkSignal(limits.get('signal'));
    const refusal = this.#refusal();
    if (refusal) throw refusal;

    const operation = new Operation<AdminResult>({
      what: `Admin command ${opcode}`,
      timeoutMs,
      timeoutCode: 'ERR_SPDK_TIMEOUT',
      timeoutHint: 'The controller may still carry it out.',
      signal,
      giveUp: () => {},
    });
    this.#native.admin({
      opcode,
      nsid,
      cdw10: dword(0),
      cdw11: dword(1),
      cdw12: dword(2),
      cdw13: dword(3),
      cdw14: dword(4),
      cdw15: dword(5),
      data,
      done: (failure, cdw0, answer) => {
        if (failure) operation.reject(SpdkError.fromNative(failure));
        else operation.resolve({ cdw0, data: answer });
      },
    });
    return operation.promise;
  }

  /** Identify: 4096 bytes of the structure that CNS names (default 01h, the controller). */
  async identify(cns = 1, nsid = 0): Promise<Buffer> {
    const { data } = await this.send({
      opcode: opcodes.identify,
      nsid,
      cdw: [cns],
      dataLength: identifyBytes,
    });
    return data;
  }

  /** Get Log Page. `length` is in bytes, a multiple of 4. */
  async logPage(page: number, length: number, nsid = everyNamespace): Promise<Buffer> {
    checkInteger(page, 'page', 0, 0xff);
    checkInteger(length, 'length', 4, mostData, 'bytes');
    if (length % 4 !== 0)
      throw new SpdkError('ERR_SPDK_INVALID_ARG_VALUE', `length must be a multiple of 4; got ${length}`);
    const dwords = length / 4 - 1;
    const cdw = [page | ((dwords & 0xffff) << 16), dwords >>> 16].map((value) => value >>> 0);
    const { data } = await this.send({ opcode: opcodes.getLogPage, nsid, cdw, dataLength: length });
    return data;
  }

  async smartLog(): Promise<SmartLog> {
    const page = await this.logPage(0x02, smartBytes);
    // Counters have 128 bits; what does not fit in 64 has never been seen.
    const counter = (at: number) => page.readBigUInt64LE(at);
    return {
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
    };
  }

  /** The newest errors first; entries that were never used are left out. */
  async errorLog(entries = 1): Promise<ErrorLogEntry[]> {
    checkInteger(entries, 'entries', 1, 256);
    const page = await this.logPage(0x01, entries * errorEntryBytes);
    return Array.from({ length: entries }, (_, i) => page.subarray(i * errorEntryBytes))
      .map((entry) => ({
        errorCount: entry.readBigUInt64LE(0),
        queueId: entry.readUInt16LE(8),
        commandId: entry.readUInt16LE(10),
        status: entry.readUInt16LE(12) >> 1,
        block: entry.readBigUInt64LE(16),
        nsid: entry.readUInt32LE(24),
      }))
      .filter((entry) => entry.errorCount !== 0n);
  }

  /** Get Features: the current value of a feature. */
  async getFeature(feature: number, nsid = 0): Promise<number> {
    checkInteger(feature, 'feature', 0, 0xff);
    return (await this.send({ opcode: opcodes.getFeatures, nsid, cdw: [feature] })).cdw0;
  }

  /** Set Features, for features whose value is dword 11. Returns dword 0 of the completion. */
  async setFeature(feature: number, value: number, nsid = 0): Promise<number> {
    checkInteger(feature, 'feature', 0, 0xff);
    checkInteger(value, 'value', 0, 0xffff_ffff);
    return (await this.send({ opcode: opcodes.setFeatures, nsid, cdw: [feature, value] })).cdw0;
  }
}
