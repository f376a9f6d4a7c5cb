// Zones of a namespace: their commands, reports and limits (NVMe Zoned Namespace command set specification).

import { blockDwords } from './block-dwords.js';

export type ZoneState =
  | 'empty'
  | 'implicitly-open'
  | 'explicitly-open'
  | 'closed'
  | 'read-only'
  | 'full'
  | 'offline';

/** Zone State, and the value of Zone Receive Action Specific that selects zones in it. */
export const zoneStates: Readonly<Record<ZoneState, { readonly code: number; readonly filter: number }>> = {
  empty: { code: 0x1, filter: 1 },
  'implicitly-open': { code: 0x2, filter: 2 },
  'explicitly-open': { code: 0x3, filter: 3 },
  closed: { code: 0x4, filter: 4 },
  'read-only': { code: 0xd, filter: 6 },
  full: { code: 0xe, filter: 5 },
  offline: { code: 0xf, filter: 7 },
};

/** Zone Type; all other values are reserved. */
export const sequentialWriteRequired = 0x2;

/** One zone. Offsets and lengths are in bytes, as those of reads and writes. */
export interface Zone {
  /** Where it begins. */
  readonly offset: number;
  /** What can be written of it, from its beginning on. */
  readonly capacity: number;
  /** Where the next write goes; undefined for a zone that is full, read-only or offline. */
  readonly writePointer: number | undefined;
  readonly state: ZoneState;
  /** Blocks are written in order, at the write pointer. */
  readonly type: 'sequential-write-required' | 'unknown';
  /** The controller recommends to finish, or to reset it. */
  readonly finishRecommended: boolean;
  readonly resetRecommended: boolean;
  /** The controller itself has made it full. */
  readonly finishedByController: boolean;
  /** The data that `setDescriptorExtension()` gave it; undefined without, or if it was not asked for. */
  readonly extension: Buffer | undefined;
}

/** What a zoned namespace is like, and what its zones may do. */
export interface ZonedInfo {
  /** The distance between the beginnings of zones, in bytes. */
  readonly zoneBytes: number;
  readonly zones: number;
  /** Zones that may be open, and open or closed, at a time; 0 for no limit. */
  readonly maxOpen: number;
  readonly maxActive: number;
  /** The maximum length of one `append()` in bytes. */
  readonly maxAppendBytes: number;
  /** Bytes of a zone's descriptor extension; 0 for none. */
  readonly extensionBytes: number;
  /** Whether one read may go past the end of a zone. */
  readonly readsAcrossZones: boolean;
  /** Whether the capacity of a zone may change when it is reset. */
  readonly variableCapacity: boolean;
}

export const zoneOpcodes = { send: 0x79, receive: 0x7a, append: 0x7d } as const;
/** Zone Send Action. */
export const zoneActions = {
  close: 0x01,
  finish: 0x02,
  open: 0x03,
  reset: 0x04,
  offline: 0x05,
  setDescriptorExtension: 0x10,
} as const;

/** Command Set Identifier, and structures of Identify. */
export const zonedCommandSet = 2;
export const identifyStructures = { namespace: 0, descriptors: 3, ofNamespace: 5, ofController: 6 } as const;

export const reportHeaderBytes = 64;
export const zoneDescriptorBytes = 64;
const selectAll = 1 << 8;
const partialReport = 1 << 16;
const extendedReport = 1;
const noPointer: readonly ZoneState[] = ['full', 'read-only', 'offline'];

/** CDW10 to CDW13 of Zone Management Send. @param block of the zone's beginning; undefined for all zones */
export function sendDwords(action: number, block: number | undefined): number[] {
  return [...blockDwords(block ?? 0), 0, action | (block === undefined ? selectAll : 0)];
}

/** CDW10 to CDW13 of Zone Management Receive: a report of zones. */
export function reportDwords(
  block: number,
  bytes: number,
  state: ZoneState | undefined,
  extended: boolean,
): number[] {
  const filter = state === undefined ? 0 : zoneStates[state].filter;
  const action = (extended ? extendedReport : 0) | (filter << 8) | partialReport;
  return [...blockDwords(block), bytes / 4 - 1, action];
}

/** CDW10 to CDW12 of Zone Append. @param flags of CDW12 */
export function appendDwords(block: number, blocks: number, flags: number): number[] {
  return [...blockDwords(block), flags + (blocks - 1)];
}

/**
 * The zones in the data of a report. Its count may be that of all zones, not of those that the data has room for.
 * @param extensionBytes of each zone's descriptor extension; 0 where the report has none
 */
export function decodeZones(report: Buffer, blockSize: number, extensionBytes: number): Zone[] {
  const each = zoneDescriptorBytes + extensionBytes;
  const room = Math.floor((report.length - reportHeaderBytes) / each);
  const count = Math.min(Number(report.readBigUInt64LE(0)), room);
  return Array.from({ length: count }, (_, i) => {
    const at = reportHeaderBytes + i * each;
    return decodeZone(report.subarray(at, at + each), blockSize);
  });
}

function decodeZone(data: Buffer, blockSize: number): Zone {
  const bytes = (at: number) => Number(data.readBigUInt64LE(at)) * blockSize;
  const states = Object.keys(zoneStates) as ZoneState[];
  const code = data.readUInt8(1) >> 4;
  // Values that are reserved are those of zones that cannot be used.
  const state = states.find((one) => zoneStates[one].code === code) ?? 'offline';
  const attributes = data.readUInt8(2);
  const has = (bit: number) => (attributes & (1 << bit)) !== 0;
  return Object.freeze({
    offset: bytes(16),
    capacity: bytes(8),
    writePointer: noPointer.includes(state) ? undefined : bytes(24),
    state,
    type: (data.readUInt8(0) & 15) === sequentialWriteRequired ? 'sequential-write-required' : 'unknown',
    finishRecommended: has(1),
    resetRecommended: has(2),
    finishedByController: has(0),
    extension: has(7) && data.length > zoneDescriptorBytes ? data.subarray(zoneDescriptorBytes) : undefined,
  });
}

/** The data of Identify that describes a zoned namespace, of 4096 bytes each. */
export interface ZonedPages {
  /** CNS 00h, and CNS 05h of this command set; CNS 06h of each controller. */
  readonly namespace: Buffer;
  readonly zonedNamespace: Buffer;
  readonly zonedControllers: readonly Buffer[];
}

/** @param blocks of the namespace @param transferBytes the most that its controllers transfer */
export function decodeZonedInfo(
  pages: ZonedPages,
  shape: { readonly blocks: number; readonly blockSize: number },
  transferBytes: number,
): ZonedInfo {
  const format = pages.namespace.readUInt8(26);
  const index = (format & 15) | (((format >> 5) & 3) << 4);
  const at = 2816 + 16 * index;
  const zoneBlocks = Number(pages.zonedNamespace.readBigUInt64LE(at));
  const limit = (offset: number) => (pages.zonedNamespace.readUInt32LE(offset) + 1) % 2 ** 32;
  const appendShifts = pages.zonedControllers.map((page) => page.readUInt8(0)).filter((shift) => shift > 0);
  const appendBytes = appendShifts.map((shift) => 4096 * 2 ** shift);
  return Object.freeze({
    zoneBytes: zoneBlocks * shape.blockSize,
    zones: zoneBlocks === 0 ? 0 : Math.floor(shape.blocks / zoneBlocks),
    maxOpen: limit(8),
    maxActive: limit(4),
    maxAppendBytes: Math.min(...appendBytes, transferBytes),
    extensionBytes: pages.zonedNamespace.readUInt8(at + 8) * 64,
    readsAcrossZones: (pages.zonedNamespace.readUInt16LE(2) & 1) !== 0,
    variableCapacity: (pages.zonedNamespace.readUInt16LE(0) & 1) !== 0,
  });
}
