// What controllers in memory notify hosts of: changes of reservations (NVMe base specification, "Reservation Notification").

import { notificationKinds, notificationPage } from '../nvme/reservations.js';
import type { AdminQuestion, MemoryAdminResult } from './admin.js';

/** A change of a reservation by another host. */
export type ReservationChange = Exclude<(typeof notificationKinds)[number], 'unknown'>;

const getLogPage = 0x02;

/** The Reservation Notification log of one controller. */
export class NotificationLog {
  readonly #entries: Buffer[] = [];
  #count = 0n;

  add(kind: ReservationChange, nsid: number): void {
    const entry = Buffer.alloc(16);
    entry.writeBigUInt64LE(++this.#count, 0);
    entry.writeUInt8(notificationKinds.indexOf(kind), 8);
    entry.writeUInt32LE(nsid, 12);
    this.#entries.push(entry);
  }

  /** Takes the oldest entry out; undefined while the log is empty. */
  take(): Uint8Array | undefined {
    const entry = this.#entries.shift();
    entry?.writeUInt8(Math.min(this.#entries.length, 0xff), 9);
    return entry;
  }
}

/** Fills in the log page, if the command asks for it. */
export function completeNotifications(
  { opcode, cdw: [dword0 = 0] }: AdminQuestion,
  result: MemoryAdminResult,
  log: NotificationLog,
): void {
  if (opcode !== getLogPage || (dword0 & 0xff) !== notificationPage || result.status !== 0) return;
  result.data.fill(0);
  const entry = log.take();
  if (entry) result.data.set(entry.subarray(0, result.data.length));
}
