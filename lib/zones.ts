// The zones of a zoned namespace. Longer than other files, because half of it documents public types and methods.

import { SpdkError, SpdkTypeError } from './errors/spdk-error.js';
import { regionOf } from './io/dma-memory.js';
import {
  type DataFlags,
  limitKeys,
  limitsOfCall,
  type OperationOptions,
  readDataFlags,
} from './io/operation-options.js';
import type { CheckedRawCommand } from './io/request.js';
import { isOfLostPath } from './multipath/failure.js';
import { readNamespaceDescriptors } from './nvme/namespace-descriptors.js';
import {
  appendDwords,
  decodeZonedInfo,
  decodeZones,
  reportDwords,
  reportHeaderBytes,
  sendDwords,
  identifyStructures as structures,
  type Zone,
  type ZonedInfo,
  type ZoneState,
  zoneActions,
  zoneDescriptorBytes,
  zonedCommandSet,
  zoneOpcodes,
  zoneStates,
} from './nvme/zones.js';
import { type AdminLimits, type AdminOptions, checkLimits, limitsOf, rest } from './options/admin-command.js';
import {
  checkBoolean,
  checkInteger,
  checkOneOf,
  describe,
  reading,
  readOptions,
} from './options/arguments.js';
import { bytesOf, invalidBuffer } from './options/buffers.js';
import { or } from './options/common.js';

export type { Zone, ZonedInfo, ZoneState } from './nvme/zones.js';

/** Options of `zones.report()`. */
export interface ZoneReportOptions extends OperationOptions {
  /** The report begins with the zone that this offset is in, in bytes. Default 0. */
  readonly from?: number | undefined;
  /** The maximum number of zones. Default: all. */
  readonly count?: number | undefined;
  /** Only zones in this state. Default: any. */
  readonly state?: ZoneState | undefined;
  /** Whether zones have their `extension`. Default false. */
  readonly extensions?: boolean | undefined;
}

/** Options of `zones.append()`. */
export interface ZoneAppendOptions extends OperationOptions, DataFlags {}

/** A zone: one of a report, or the offset where it begins, in bytes. */
export type ZoneLike = number | Pick<Zone, 'offset'>;

/** A command for a zone, as a namespace sends it. */
export interface ZoneCommand extends CheckedRawCommand {
  /** The verb of messages, as in 'Resetting'. */
  readonly verb: string;
  /** The range that it changes, in bytes; nothing for one that changes none, or that is not known before. */
  readonly range?: { readonly offset: number; readonly length: number };
  readonly source?: Uint8Array | undefined;
  readonly target?: Uint8Array | undefined;
}

/** What zones need of their namespace. */
export interface ZoneNamespace {
  readonly id: number;
  readonly blocks: number;
  readonly blockSize: number;
  readonly bytes: number;
  /** @throws {SpdkError} ERR_SPDK_NAMESPACE_GONE, ERR_SPDK_OUT_OF_RANGE, ERR_SPDK_UNALIGNED, ERR_SPDK_UNSUPPORTED */
  checkTransfer(offset: number, length: number): number;
  /** Identify of the namespace, over any of its paths. */
  identify(structure: number, commandSet: number, options: AdminOptions): Promise<Buffer>;
  /** As {@link identify}, from the controller of each path that is connected; at least one. */
  identifyOnAll(structure: number, commandSet: number, options: AdminOptions): Promise<readonly Buffer[]>;
  /** The maximum transfer of one command in bytes, on each path. */
  transferBytes(): number;
  command(command: ZoneCommand, options: OperationOptions): Promise<number>;
}

const maxReportBytes = 131_072;

/**
 * The zones of a namespace of the Zoned Namespace command set. The first call asks the controller whether it is one, and for its limits;
 * all reject with ERR_SPDK_UNSUPPORTED, with nothing else sent, if it is not. Reads and writes are those of the namespace. What a zone does
 * not allow rejects with ERR_SPDK_ZONE_FULL, ERR_SPDK_ZONE_INVALID_WRITE, ERR_SPDK_ZONE_BOUNDARY, ERR_SPDK_ZONE_READ_ONLY,
 * ERR_SPDK_ZONE_OFFLINE, ERR_SPDK_ZONE_INVALID_TRANSITION, ERR_SPDK_TOO_MANY_OPEN_ZONES or ERR_SPDK_TOO_MANY_ACTIVE_ZONES.
 *
 * All but `info()` and `report()` are never sent twice: if their connection ends they reject, and a report shows what has happened.
 */
export class Zones {
  readonly #namespace: ZoneNamespace;
  #info: ZonedInfo | undefined;
  #known = false;
  /** How often the paths to the namespace have changed. */
  #changes = 0;

  private constructor(namespace: ZoneNamespace) {
    this.#namespace = namespace;
  }

  /** @internal */
  static create(namespace: ZoneNamespace): Zones {
    return new Zones(namespace);
  }

  /** @internal Has the next call ask again: the controllers of other paths may have other limits. */
  forget(): void {
    this.#known = false;
    this.#changes++;
  }

  /** The size and the limits of zones; undefined for a namespace that has none. Asks the controller once. */
  async info(options?: AdminOptions): Promise<ZonedInfo | undefined> {
    return this.#describe(checkLimits(options));
  }

  /** The zones, in order. A report of many is several commands, between which zones may change. */
  async report(options?: ZoneReportOptions): Promise<Zone[]> {
    const given = readOptions(options, 'report options', [
      'from',
      'count',
      'state',
      'extensions',
      ...limitKeys,
    ]);
    const { bytes, blockSize } = this.#namespace;
    const from = checkInteger(or(given.get('from'), 0), 'from', 0, bytes - 1, 'bytes');
    const count = checkInteger(or(given.get('count'), 2 ** 32), 'count', 1, 2 ** 32);
    const state = given.get('state') === undefined ? undefined : checkState(given.get('state'));
    const extended = checkBoolean(or(given.get('extensions'), false), 'extensions');
    const limits = limitsOfCall(given);
    const { zoneBytes, extensionBytes } = await this.#require(given);
    const extension = extended ? extensionBytes : 0;
    const entry = zoneDescriptorBytes + extension;
    const max = Math.min(this.#namespace.transferBytes(), maxReportBytes);
    const zones: Zone[] = [];
    for (let at = Math.floor(from / zoneBytes) * zoneBytes; at < bytes && zones.length < count; ) {
      const left = Math.min(count - zones.length, Math.ceil((bytes - at) / zoneBytes));
      const asked = Math.max(1, Math.min(left, Math.floor((max - reportHeaderBytes) / entry)));
      const target = Buffer.alloc(reportHeaderBytes + asked * entry);
      const dwords = reportDwords(at / blockSize, target.length, state, extension > 0);
      const command = { verb: 'Reporting zones', opcode: zoneOpcodes.receive, dwords, length: target.length };
      await this.#namespace.command({ ...command, target, repeatable: true }, limits());
      const page = decodeZones(target, blockSize, extension);
      zones.push(...page);
      const last = page.at(-1);
      if (!last || page.length < asked || last.offset < at) break;
      at = last.offset + zoneBytes;
    }
    return zones;
  }

  /**
   * Writes at the write pointer of a zone, wherever that is when the command arrives, so several appends of one or several hosts may be
   * outstanding. Resolves with the offset where the data went. It is one command, of at most `maxAppendBytes` of {@link info}.
   */
  async append(zone: ZoneLike, source: NodeJS.ArrayBufferView, options?: ZoneAppendOptions): Promise<number> {
    const given = readOptions(options, 'append options', ['fua', 'limitedRetry', ...limitKeys]);
    const flags = readDataFlags(given);
    const offset = offsetOf(zone);
    const limits = limitsOfCall(given);
    const kept = this.#known ? source : keptDuringWait(source);
    const { maxAppendBytes } = this.#known ? this.#zonesAt(offset) : await this.#require(given, offset);
    const { blockSize } = this.#namespace;
    const data = bytesOf(kept, 'buffer');
    const length = checkInteger(
      data.byteLength,
      'the length of the buffer',
      blockSize,
      maxAppendBytes,
      'bytes',
    );
    const block = this.#namespace.checkTransfer(offset, length);
    const dwords = appendDwords(block, length / blockSize, flags);
    const command = { verb: 'Appending to a zone', opcode: zoneOpcodes.append, dwords, length, source: data };
    return blockSize * (await this.#namespace.command({ ...command, longResult: true }, limits()));
  }

  /** Opens a zone for writing, which then keeps its resources until it is closed, finished or reset. `all`: every closed zone. */
  async open(zone: ZoneLike | 'all', options?: OperationOptions): Promise<void> {
    await this.#send('Opening', zoneActions.open, zone, options);
  }

  /** Closes an open zone; its write pointer stays. `all`: every open one. */
  async close(zone: ZoneLike | 'all', options?: OperationOptions): Promise<void> {
    await this.#send('Closing', zoneActions.close, zone, options);
  }

  /** Makes a zone full, wherever its write pointer is. `all`: every open or closed one. */
  async finish(zone: ZoneLike | 'all', options?: OperationOptions): Promise<void> {
    await this.#send('Finishing', zoneActions.finish, zone, options);
  }

  /** Makes a zone empty; its data is lost. `all`: every zone that can be written. */
  async reset(zone: ZoneLike | 'all', options?: OperationOptions): Promise<void> {
    await this.#send('Resetting', zoneActions.reset, zone, options);
  }

  /** Takes a read-only zone out of use permanently. `all`: every read-only zone. */
  async offline(zone: ZoneLike | 'all', options?: OperationOptions): Promise<void> {
    await this.#send('Taking offline', zoneActions.offline, zone, options);
  }

  /** Gives an empty zone the data of its descriptor extension, `extensionBytes` of {@link info}; the zone is closed then. */
  async setDescriptorExtension(
    zone: ZoneLike,
    source: NodeJS.ArrayBufferView,
    options?: OperationOptions,
  ): Promise<void> {
    const given = readOptions(options, 'zone options', limitKeys);
    const offset = offsetOf(zone);
    const limits = limitsOfCall(given);
    const kept = this.#known ? source : keptDuringWait(source);
    const { extensionBytes, zoneBytes } = this.#known
      ? this.#zonesAt(offset)
      : await this.#require(given, offset);
    if (extensionBytes === 0) throw unsupported(this.#namespace, 'no descriptor extensions');
    const data = bytesOf(kept, 'buffer');
    if (data.byteLength !== extensionBytes)
      throw invalidBuffer(`A descriptor extension has ${extensionBytes} bytes; got ${data.byteLength}`);
    const dwords = sendDwords(
      zoneActions.setDescriptorExtension,
      this.#namespace.checkTransfer(offset, zoneBytes),
    );
    const verb = 'Setting a descriptor extension';
    const command = { verb, opcode: zoneOpcodes.send, dwords, length: extensionBytes, source: data };
    await this.#namespace.command(command, limits());
  }

  async #send(verb: string, action: number, zone: unknown, options: unknown): Promise<void> {
    const given = readOptions(options, 'zone options', limitKeys);
    const all = zone === 'all';
    const offset = all ? 0 : offsetOf(zone);
    const limits = limitsOfCall(given);
    const { zoneBytes } = await this.#require(given, offset);
    const length = all ? this.#namespace.bytes : zoneBytes;
    const block = this.#namespace.checkTransfer(offset, length);
    const dwords = sendDwords(action, all ? undefined : block);
    const command = { verb, opcode: zoneOpcodes.send, dwords, length: 0, range: { offset, length } };
    await this.#namespace.command(command, limits());
  }

  /** @param offset where a zone has to begin */
  async #require(given: ReadonlyMap<string, unknown>, offset = 0): Promise<ZonedInfo> {
    await this.#describe(limitsOf(given));
    return this.#zonesAt(offset);
  }

  /** As {@link #require}, when the controller has been asked: what follows then belongs to the call, before its caller goes on. */
  #zonesAt(offset: number): ZonedInfo {
    const info = this.#info;
    if (!info) throw unsupported(this.#namespace, 'no zones');
    if (offset % info.zoneBytes === 0) return info;
    throw new SpdkError(
      'ERR_SPDK_UNALIGNED',
      `No zone begins at ${offset}: zones are ${info.zoneBytes} bytes apart`,
    );
  }

  async #describe(limits: AdminLimits): Promise<ZonedInfo | undefined> {
    if (this.#known) return this.#info;
    try {
      return await this.#ask(limits);
    } catch (error) {
      // What it was serves while no path can be asked: the command itself waits for one.
      if (this.#info && error instanceof SpdkError && hasNoPath(error)) return this.#info;
      throw error;
    }
  }

  async #ask(limits: AdminLimits): Promise<ZonedInfo | undefined> {
    const changes = this.#changes;
    const ask = (structure: number, commandSet: number) =>
      this.#namespace.identify(structure, commandSet, rest(limits));
    const names = await readNamespaceDescriptors(() => ask(structures.descriptors, 0));
    const commandSet = names.find(({ kind }) => kind === 'csi')?.value;
    if (commandSet !== undefined && Number.parseInt(commandSet, 16) === zonedCommandSet) {
      const pages = {
        namespace: await ask(structures.namespace, 0),
        zonedNamespace: await ask(structures.ofNamespace, zonedCommandSet),
        zonedControllers: await this.#namespace.identifyOnAll(
          structures.ofController,
          zonedCommandSet,
          rest(limits),
        ),
      };
      const info = decodeZonedInfo(pages, this.#namespace, this.#namespace.transferBytes());
      if (info.zones > 0) this.#info = info;
    }
    this.#known = changes === this.#changes;
    return this.#info;
  }
}

function hasNoPath(error: SpdkError): boolean {
  return error.code === 'ERR_SPDK_NO_PATH' || isOfLostPath(error);
}

function offsetOf(zone: unknown): number {
  if (typeof zone === 'object' && zone !== null) {
    return checkOffset(
      reading('the offset of the zone', () => (zone as { readonly offset?: unknown }).offset),
    );
  }
  if (typeof zone !== 'number')
    throw new SpdkTypeError(`zone must be a zone or the offset of one; got ${describe(zone)}`);
  return checkOffset(zone);
}

/** The data as it is now: until the controller has been asked, its caller may do anything to it. DMA memory is used in place. */
function keptDuringWait(source: NodeJS.ArrayBufferView): NodeJS.ArrayBufferView {
  const bytes = bytesOf(source, 'buffer');
  return regionOf(bytes) ? source : Buffer.from(bytes);
}

function checkOffset(value: unknown): number {
  return checkInteger(value, 'the offset of the zone', 0, Number.MAX_SAFE_INTEGER, 'bytes');
}

function checkState(value: unknown): ZoneState {
  return checkOneOf(value, 'state', Object.keys(zoneStates) as ZoneState[]);
}

function unsupported({ id }: ZoneNamespace, has: string): SpdkError {
  return new SpdkError('ERR_SPDK_UNSUPPORTED', `Namespace ${id} has ${has}`);
}
