// The commands, the report and the log page of reservations (NVMe base specification, "Reservations").

import { SpdkTypeError } from '../errors/spdk-error.js';
import { withJson } from '../internal/shown.js';
import { describe } from '../options/arguments.js';
import { invalid } from '../options/common.js';

/** What a reservation keeps others from: hosts without it, or without a registration, may not write, or not read either. */
export type ReservationType =
  | 'write-exclusive'
  | 'exclusive-access'
  | 'write-exclusive-registrants-only'
  | 'exclusive-access-registrants-only'
  | 'write-exclusive-all-registrants'
  | 'exclusive-access-all-registrants';

export const reservationTypes: Readonly<Record<ReservationType, number>> = {
  'write-exclusive': 1,
  'exclusive-access': 2,
  'write-exclusive-registrants-only': 3,
  'exclusive-access-registrants-only': 4,
  'write-exclusive-all-registrants': 5,
  'exclusive-access-all-registrants': 6,
};

/** A host that is registered with a namespace. */
export interface Registrant {
  /** The controller that the host is attached to; 0xffff for none at present. */
  readonly cntlid: number;
  /** Whether it holds the reservation. */
  readonly holder: boolean;
  /** The host identifier, a UUID. */
  readonly hostId: string;
  /** In JSON a number, or a string from 2^53 on. */
  readonly key: bigint;
}

/** The report of the reservation of a namespace. */
export interface ReservationReport {
  /** A number that changes with each registration and each preemption. */
  readonly generation: number;
  /** Undefined while no host holds a reservation. */
  readonly type: ReservationType | undefined;
  /** Whether registrations and the reservation survive a restart of the target. */
  readonly persistent: boolean;
  readonly registrants: readonly Registrant[];
}

/** What was done to the reservation of a namespace by another host. */
export interface ReservationNotification {
  /** The number of the log page; the numbers of lost notifications are missing. In JSON as a registrant's `key`. */
  readonly count: bigint;
  readonly kind: 'registration-preempted' | 'reservation-released' | 'reservation-preempted' | 'unknown';
  /** Notifications that the log still has. */
  readonly left: number;
  readonly nsid: number;
}

const opcodes = { register: 0x0d, report: 0x0e, acquire: 0x11, release: 0x15 } as const;
const maxKey = 2n ** 64n - 1n;
const extendedHeaderBytes = 64;
const extendedBytes = 64;
/** By their numbers in the log page. */
export const notificationKinds = [
  'unknown',
  'registration-preempted',
  'reservation-released',
  'reservation-preempted',
] as const;

/** A raw command for an I/O queue. */
export interface ReservationCommand {
  readonly opcode: number;
  readonly cdw: readonly number[];
  readonly data: Buffer;
}

/** @throws {SpdkTypeError} not a bigint @throws {SpdkError} ERR_SPDK_INVALID_ARG_VALUE; zero is no key */
export function checkKey(value: unknown, name: string): bigint {
  if (typeof value !== 'bigint') throw new SpdkTypeError(`${name} must be a bigint; got ${describe(value)}`);
  if (value <= 0n || value > maxKey) invalid(`${name} must be from 1 to 2^64 - 1; got ${value}`);
  return value;
}

function keys(...values: readonly bigint[]): Buffer {
  const data = Buffer.alloc(8 * values.length);
  for (const [i, value] of values.entries()) data.writeBigUInt64LE(value, 8 * i);
  return data;
}

/** The field Change Persist Through Power Loss State: 2 clears the state, 3 sets it, 0 leaves it. */
function persistence(persistent: boolean | undefined): number {
  return persistent === undefined ? 0 : persistent ? 3 : 2;
}

export function registerCommand(key: bigint, persistent: boolean | undefined): ReservationCommand {
  const data = keys(0n, key);
  return { opcode: opcodes.register, cdw: [(persistence(persistent) << 30) >>> 0], data };
}

export function replaceCommand(
  old: bigint,
  key: bigint,
  persistent: boolean | undefined,
): ReservationCommand {
  const cdw10 = (2 | (persistence(persistent) << 30)) >>> 0;
  return { opcode: opcodes.register, cdw: [cdw10], data: keys(old, key) };
}

export function unregisterCommand(key: bigint): ReservationCommand {
  return { opcode: opcodes.register, cdw: [1], data: keys(key, 0n) };
}

export function acquireCommand(
  key: bigint,
  type: number,
  preempted: bigint | undefined,
  abort: boolean,
): ReservationCommand {
  const action = preempted === undefined ? 0 : abort ? 2 : 1;
  return { opcode: opcodes.acquire, cdw: [action | (type << 8)], data: keys(key, preempted ?? 0n) };
}

export function releaseCommand(key: bigint, type: number): ReservationCommand {
  return { opcode: opcodes.release, cdw: [type << 8], data: keys(key) };
}

export function clearCommand(key: bigint): ReservationCommand {
  return { opcode: opcodes.release, cdw: [1], data: keys(key) };
}

/** Asks for the extended report, whose host identifiers have 128 bits, as all of NVMe over Fabrics has. */
export function reportCommand(bytes: number): ReservationCommand {
  return { opcode: opcodes.report, cdw: [bytes / 4 - 1, 1], data: Buffer.alloc(bytes) };
}

/** The bytes of a report with this many registrants. */
export function reportBytes(registrants: number): number {
  return extendedHeaderBytes + registrants * extendedBytes;
}

/** How many registrants a report is about, more than which may not have been transferred. */
export function registrantsIn(data: Buffer): number {
  return data.readUInt16LE(5);
}

/** No host has this identifier. */
const noHost = '00000000-0000-0000-0000-000000000000';

/** Decodes an extended report, "Reservation Status Extended". */
export function decodeReport(data: Buffer): ReservationReport {
  const type = data.readUInt8(4);
  const names = Object.keys(reservationTypes) as ReservationType[];
  const count = Math.min(
    registrantsIn(data),
    Math.floor((data.length - extendedHeaderBytes) / extendedBytes),
  );
  const registrants = Array.from({ length: count }, (_, i) =>
    registrantIn(data.subarray(extendedHeaderBytes + i * extendedBytes)),
  );
  return Object.freeze({
    generation: data.readUInt32LE(0),
    type: names.find((name) => reservationTypes[name] === type),
    persistent: (data.readUInt8(9) & 1) !== 0,
    // SPDK's target of v20.07 counts each controller of a host, and describes the host once: the rest is zeroes.
    registrants: Object.freeze(registrants.filter(({ hostId }) => hostId !== noHost)),
  });
}

function registrantIn(data: Buffer): Registrant {
  const digits = data.toString('hex', 16, 32);
  const registrant = {
    cntlid: data.readUInt16LE(0),
    holder: (data.readUInt8(2) & 1) !== 0,
    hostId: digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'),
    key: data.readBigUInt64LE(8),
  };
  return Object.freeze(withJson(registrant));
}

/** The Reservation Notification log page. */
export const notificationPage = 0x80;
export const notificationBytes = 64;

/** Decodes the log page; undefined while it is empty. */
export function decodeNotification(data: Buffer): ReservationNotification | undefined {
  const type = data.readUInt8(8);
  if (type === 0) return undefined;
  const notification = {
    count: data.readBigUInt64LE(0),
    kind: notificationKinds[type] ?? 'unknown',
    left: data.readUInt8(9),
    nsid: data.readUInt32LE(12),
  };
  return Object.freeze(withJson(notification));
}
