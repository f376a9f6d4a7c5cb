// The zones of a namespace in memory (NVMe Zoned Namespace command set specification).

import {
  reportHeaderBytes,
  sequentialWriteRequired,
  identifyStructures as structures,
  type ZoneState,
  zoneActions,
  zoneDescriptorBytes,
  zonedCommandSet,
  zoneStates,
} from '../nvme/zones.js';
import { checkInteger, checkMultiple, readOptions } from '../options/arguments.js';
import { or } from '../options/common.js';
import type { AdminQuestion, MemoryAdminResult } from './admin.js';
import type { RingCommand } from './command.js';
import { CheckedZone, type MemoryZone, type ZoneLimits } from './zone.js';

/** How the zones of a namespace in memory are made. Sizes are in blocks. */
export interface MemoryZoneOptions {
  /** The distance between the beginnings of zones. The namespace has as many zones as it has room for. */
  readonly zoneBlocks: number;
  /** What can be written of a zone; default all of it. */
  readonly capacityBlocks?: number | undefined;
  /** Zones that may be open, and open or closed; default 0, any number. */
  readonly maxOpen?: number | undefined;
  readonly maxActive?: number | undefined;
  /** The maximum length of one Zone Append, as a power of two of 4096 bytes; default 0: the maximum transfer of the controller. */
  readonly appendShift?: number | undefined;
  /** Bytes of a zone's descriptor extension, a multiple of 64; default 0, none. */
  readonly extensionBytes?: number | undefined;
}

const status = {
  invalidField: 0x02,
  boundary: 0x1b8,
  full: 0x1b9,
  readOnly: 0x1ba,
  offline: 0x1bb,
  invalidWrite: 0x1bc,
  tooManyActive: 0x1bd,
  tooManyOpen: 0x1be,
  invalidTransition: 0x1bf,
} as const;
const open: readonly ZoneState[] = ['implicitly-open', 'explicitly-open'];
const active: readonly ZoneState[] = [...open, 'closed'];
const twoTo32 = 2 ** 32;

export function readZoneOptions(value: unknown, blocks: number): ZoneLimits {
  const keys = [
    'zoneBlocks',
    'capacityBlocks',
    'maxOpen',
    'maxActive',
    'appendShift',
    'extensionBytes',
  ] as const;
  const given = readOptions(value, 'zones', keys);
  const zoneBlocks = checkInteger(given.get('zoneBlocks'), 'zoneBlocks', 1, blocks);
  const optionalCount = (name: (typeof keys)[number], max: number) =>
    checkInteger(or(given.get(name), 0), name, 0, max);
  return {
    zoneBlocks,
    capacityBlocks: checkInteger(
      or(given.get('capacityBlocks'), zoneBlocks),
      'capacityBlocks',
      1,
      zoneBlocks,
    ),
    maxOpen: optionalCount('maxOpen', 0xffff_ffff),
    maxActive: optionalCount('maxActive', 0xffff_ffff),
    appendShift: optionalCount('appendShift', 16),
    extensionBytes: checkMultiple(or(given.get('extensionBytes'), 0), 'extensionBytes', 64, 0, 64 * 255),
  };
}

/** The zones of one namespace. */
export class MemoryZones {
  /** @internal */
  readonly limits: ZoneLimits;
  readonly all: readonly MemoryZone[];

  /** @internal */
  constructor(limits: ZoneLimits, blocks: number) {
    this.limits = limits;
    this.all = Array.from(
      { length: Math.floor(blocks / limits.zoneBlocks) },
      (_, i) => new CheckedZone(i * limits.zoneBlocks, limits),
    );
  }

  /** @internal Whether blocks may be read; a status. */
  reads(block: number): number {
    return this.#at(block)?.state === 'offline' ? status.offline : 0;
  }

  /** @internal Blocks are written there: moves the write pointer, or gives the status why not. */
  write(block: number, blocks: number): number {
    const zone = this.#at(block);
    if (!zone) return status.invalidField;
    if (zone.state === 'full') return status.full;
    if (zone.state === 'read-only') return status.readOnly;
    if (zone.state === 'offline') return status.offline;
    if (block !== zone.first + zone.written) return status.invalidWrite;
    if (zone.written + blocks > this.limits.capacityBlocks) return status.boundary;
    const opened = open.includes(zone.state) ? 0 : this.#open(zone, 'implicitly-open');
    if (opened !== 0) return opened;
    zone.written += blocks;
    if (zone.written === this.limits.capacityBlocks) zone.state = 'full';
    return 0;
  }

  /** @internal Where an append to the zone that begins at this block goes; undefined if none does. */
  pointerOf(block: number): number | undefined {
    const zone = this.all.find(({ first }) => first === block);
    return zone && zone.first + zone.written;
  }

  /**
   * @internal Zone Management Send.
   * @param cleared is called with the blocks of zones that are reset
   */
  send({ dwords }: RingCommand, part: Uint8Array | undefined, cleared: (first: number) => void): number {
    const [low = 0, high = 0, , cdw13 = 0] = dwords;
    const action = cdw13 & 0xff;
    if ((cdw13 & 0x100) !== 0) {
      for (const zone of this.all)
        if (appliesToAll(action, zone.state)) this.#act(action, zone, part, cleared);
      return 0;
    }
    const zone = this.all.find(({ first }) => first === high * twoTo32 + low);
    return zone ? this.#act(action, zone, part, cleared) : status.invalidField;
  }

  /** @internal Zone Management Receive. */
  receive({ dwords }: RingCommand, data: Buffer): number {
    const [low = 0, high = 0, , cdw13 = 0] = dwords;
    const [action, filter] = [cdw13 & 0xff, (cdw13 >> 8) & 0xff];
    if (action > 1 || data.length < reportHeaderBytes) return status.invalidField;
    const extension = action === 1 ? this.limits.extensionBytes : 0;
    const from = Math.floor((high * twoTo32 + low) / this.limits.zoneBlocks);
    const found = this.all
      .slice(from)
      .filter(({ state }) => filter === 0 || zoneStates[state].filter === filter);
    const each = zoneDescriptorBytes + extension;
    const room = Math.floor((data.length - reportHeaderBytes) / each);
    data.fill(0);
    data.writeBigUInt64LE(BigInt((cdw13 & (1 << 16)) === 0 ? found.length : Math.min(room, found.length)), 0);
    for (const [i, zone] of found.slice(0, room).entries()) {
      const at = reportHeaderBytes + i * each;
      data.writeUInt8(sequentialWriteRequired, at);
      data.writeUInt8(zoneStates[zone.state].code << 4, at + 1);
      data.writeUInt8(zone.extension ? 1 << 7 : 0, at + 2);
      data.writeBigUInt64LE(BigInt(this.limits.capacityBlocks), at + 8);
      data.writeBigUInt64LE(BigInt(zone.first), at + 16);
      data.writeBigUInt64LE(BigInt(zone.first + zone.written), at + 24);
      if (extension > 0) zone.extension?.copy(data, at + zoneDescriptorBytes);
    }
    return 0;
  }

  #at(block: number): MemoryZone | undefined {
    return this.all[Math.floor(block / this.limits.zoneBlocks)];
  }

  #act(
    action: number,
    zone: MemoryZone,
    part: Uint8Array | undefined,
    cleared: (first: number) => void,
  ): number {
    const { state } = zone;
    const unusable = state === 'offline' || (state === 'read-only' && action !== zoneActions.offline);
    if (unusable && !(state === 'offline' && action === zoneActions.offline)) return status.invalidTransition;
    switch (action) {
      case zoneActions.open:
        return state === 'full' ? status.invalidTransition : this.#open(zone, 'explicitly-open');
      case zoneActions.close:
        if (!active.includes(state)) return status.invalidTransition;
        zone.state = zone.written === 0 ? 'empty' : 'closed';
        return 0;
      case zoneActions.finish:
        zone.state = 'full';
        return 0;
      case zoneActions.reset:
        Object.assign(zone, { state: 'empty', written: 0, extension: undefined });
        cleared(zone.first);
        return 0;
      case zoneActions.offline:
        if (state !== 'read-only' && state !== 'offline') return status.invalidTransition;
        zone.state = 'offline';
        return 0;
      case zoneActions.setDescriptorExtension:
        if (state !== 'empty') return status.invalidTransition;
        if (part?.byteLength !== this.limits.extensionBytes) return status.invalidField;
        Object.assign(zone, { extension: Buffer.from(part), state: 'closed' });
        return 0;
      default:
        return status.invalidField;
    }
  }

  #open(zone: MemoryZone, state: ZoneState): number {
    const { maxOpen, maxActive } = this.limits;
    const others = this.all.filter((one) => one !== zone);
    const count = (states: readonly ZoneState[]) => others.filter((one) => states.includes(one.state)).length;
    if (maxActive > 0 && count(active) >= maxActive) return status.tooManyActive;
    if (maxOpen > 0 && count(open) >= maxOpen) {
      // A controller may close a zone that was opened implicitly.
      const implicit = others.find((one) => one.state === 'implicitly-open');
      if (!implicit) return status.tooManyOpen;
      implicit.state = 'closed';
    }
    zone.state = state;
    return 0;
  }
}

function appliesToAll(action: number, state: ZoneState): boolean {
  switch (action) {
    case zoneActions.open:
      return state === 'closed';
    case zoneActions.close:
      return open.includes(state);
    case zoneActions.finish:
      return active.includes(state);
    case zoneActions.reset:
      return active.includes(state) || state === 'full';
    default:
      return action === zoneActions.offline && state === 'read-only';
  }
}

const identify = 0x06;

/** Completes what Identify says of a zoned namespace, and its command set among its identifiers. */
export function describeZones(
  question: AdminQuestion,
  { data: answer, status: failed }: MemoryAdminResult,
  namespace: { readonly zones: MemoryZones | undefined } | undefined,
): void {
  const limits = namespace?.zones?.limits;
  if (question.opcode !== identify || failed !== 0 || !limits) return;
  const data = Buffer.from(answer.buffer, answer.byteOffset, answer.byteLength);
  const [structure = 0, cdw11 = 0] = question.cdw;
  const ofZones = cdw11 >>> 24 === zonedCommandSet;
  if ((structure & 0xff) === structures.descriptors) {
    const at = data[0] === 0 ? 0 : 20;
    data.set([4, 1, 0, 0, zonedCommandSet], at);
  } else if (structure === structures.ofNamespace && ofZones) {
    data.fill(0);
    // The fields have one less than the limits; all bits for no limit.
    data.writeUInt32LE((limits.maxActive - 1) >>> 0, 4);
    data.writeUInt32LE((limits.maxOpen - 1) >>> 0, 8);
    data.writeBigUInt64LE(BigInt(limits.zoneBlocks), 2816);
    data.writeUInt8(limits.extensionBytes / 64, 2816 + 8);
  } else if (structure === structures.ofController && ofZones) {
    data.fill(0);
    data.writeUInt8(limits.appendShift, 0);
  }
}
