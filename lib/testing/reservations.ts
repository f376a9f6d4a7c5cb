// The reservation of a namespace in memory (NVMe base specification, "Reservations").

import { ioOpcodes } from '../native/ring-layout.js';
import { type ReservationType, reservationTypes } from '../nvme/reservations.js';
import type { RingCommand } from './command.js';
import type { ReservationChange } from './notifications.js';

const opcodes = { register: 0x0d, report: 0x0e, acquire: 0x11, release: 0x15 } as const;
/** The data that each command cannot do without: its keys, or the header of the report. */
const leastBytes: Readonly<Record<(typeof opcodes)[keyof typeof opcodes], number>> = {
  [opcodes.register]: 16,
  [opcodes.report]: 64,
  [opcodes.acquire]: 16,
  [opcodes.release]: 8,
};
/** Ignore Existing Key. */
const ignoreKey = 1 << 3;
const conflict = 0x83;
const invalidField = 0x02;
const { 'exclusive-access': exclusive, 'write-exclusive': writeExclusive } = reservationTypes;
/** From this type on each registrant is a holder. */
const allRegistrants = reservationTypes['write-exclusive-all-registrants'];
const exclusiveTypes: readonly number[] = [
  exclusive,
  reservationTypes['exclusive-access-registrants-only'],
  reservationTypes['exclusive-access-all-registrants'],
];

type ReservationListener = (kind: ReservationChange, hostIds: readonly string[]) => void;

/** Who is registered with a namespace in memory, and who holds the reservation. */
export class MemoryReservations {
  /** Keys by host identifier, 32 hexadecimal digits. */
  readonly #keys = new Map<string, bigint>();
  #type = 0;
  #holder: string | undefined;
  #generation = 0;
  readonly #listeners = new Set<ReservationListener>();

  /** Which reservation there is; undefined for none. */
  get type(): ReservationType | undefined {
    const names = Object.keys(reservationTypes) as ReservationType[];
    return names.find((name) => reservationTypes[name] === this.#type);
  }

  /** @internal Calls with each change that hosts are notified of. Returns the function that ends that. */
  onChange(listener: ReservationListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** @internal Whether a command of a host is in conflict with the reservation. */
  excludes(hostId: string, what: number): boolean {
    if (this.#type === 0 || this.#holds(hostId)) return false;
    const registered = this.#keys.has(hostId);
    if (registered && this.#type !== writeExclusive && this.#type !== exclusive) return false;
    const reads = what === ioOpcodes.read || what === ioOpcodes.compare || what === ioOpcodes.verify;
    return !reads || exclusiveTypes.includes(this.#type);
  }

  /** @internal Carries out a raw command; its status, or undefined for one that is none of a reservation. */
  execute({ opcode, dwords }: RingCommand, hostId: string, part: Uint8Array | undefined): number | undefined {
    const data = Buffer.from(
      part?.buffer ?? new ArrayBuffer(0),
      part?.byteOffset ?? 0,
      part?.byteLength ?? 0,
    );
    const [dword = 0] = dwords;
    const action = dword & 7;
    const known = Object.values(opcodes).find((one) => one === opcode);
    if (known !== undefined && data.byteLength < leastBytes[known]) return invalidField;
    const key = (at: number) => data.readBigUInt64LE(at);
    switch (opcode) {
      case opcodes.register:
        return this.#register(hostId, action, (dword & ignoreKey) === 0 ? key(0) : undefined, key(8));
      case opcodes.acquire:
        return this.#acquire(hostId, action, (dword >> 8) & 0xff, key(0), key(8));
      case opcodes.release:
        return this.#release(hostId, action, (dword >> 8) & 0xff, key(0));
      case opcodes.report:
        this.#report(data);
        return 0;
      default:
        return undefined;
    }
  }

  #holds(hostId: string): boolean {
    return this.#type >= allRegistrants ? this.#keys.has(hostId) : this.#holder === hostId;
  }

  #others(hostId: string): string[] {
    return [...this.#keys.keys()].filter((host) => host !== hostId);
  }

  #notify(kind: ReservationChange, hosts: readonly string[]): void {
    for (const listener of this.#listeners) listener(kind, hosts);
  }

  /** @param current undefined: any */
  #register(hostId: string, action: number, current: bigint | undefined, fresh: bigint): number {
    const known = this.#keys.get(hostId);
    if (action > 2 || (action !== 1 && fresh === 0n)) return invalidField;
    if (action === 0 && known !== undefined && known !== fresh) return conflict;
    if (action === 1 && known === undefined) return conflict;
    if (action > 0 && current !== undefined && known !== current) return conflict;
    if (action === 1) this.#unregister(hostId);
    else this.#keys.set(hostId, fresh);
    this.#generation++;
    return 0;
  }

  #unregister(hostId: string): void {
    const ends = this.#holds(hostId) && (this.#type < allRegistrants || this.#keys.size === 1);
    this.#keys.delete(hostId);
    if (ends) this.#end(this.#others(hostId));
  }

  #acquire(hostId: string, action: number, type: number, key: bigint, preempted: bigint): number {
    if (this.#keys.get(hostId) !== key) return conflict;
    if (type < 1 || type > 6 || action > 2) return invalidField;
    if (action > 0) return this.#preempt(hostId, type, preempted);
    if (this.#type !== 0) return this.#holds(hostId) && this.#type === type ? 0 : conflict;
    this.#take(hostId, type);
    return 0;
  }

  #take(hostId: string, type: number): void {
    this.#type = type;
    this.#holder = hostId;
  }

  /** Ends registrations, and the reservation if their key is that of its holder. @param preempted 0: where all hold it, all others */
  #preempt(hostId: string, type: number, preempted: bigint): number {
    const allHold = this.#type >= allRegistrants;
    if (!allHold && preempted === 0n) return invalidField;
    const everyone = preempted === 0n;
    const ended = this.#others(hostId).filter((host) => everyone || this.#keys.get(host) === preempted);
    if (allHold && !everyone && ended.length === 0) return conflict;
    const takes = allHold ? everyone : this.#keys.get(this.#holder ?? '') === preempted;
    for (const host of ended) this.#keys.delete(host);
    this.#generation++;
    this.#notify('registration-preempted', ended);
    if (takes) {
      this.#take(hostId, type);
      this.#notify('reservation-released', this.#others(hostId));
    }
    return 0;
  }

  #release(hostId: string, action: number, type: number, key: bigint): number {
    if (this.#keys.get(hostId) !== key) return conflict;
    if (action > 1) return invalidField;
    const others = this.#others(hostId);
    if (action === 1) {
      this.#keys.clear();
      this.#free();
      this.#generation++;
      this.#notify('reservation-preempted', others);
    } else if (this.#type !== 0) {
      if (type !== this.#type) return invalidField;
      if (this.#holds(hostId)) this.#end(others);
    }
    return 0;
  }

  #free(): void {
    this.#type = 0;
    this.#holder = undefined;
  }

  /** Ends the reservation. Registrants that could write with it are notified. */
  #end(others: readonly string[]): void {
    const shared = this.#type > exclusive;
    this.#free();
    if (shared) this.#notify('reservation-released', others);
  }

  #report(data: Buffer): void {
    const report = Buffer.alloc(64 * (1 + this.#keys.size));
    report.writeUInt32LE(this.#generation, 0);
    report.writeUInt8(this.#type, 4);
    report.writeUInt16LE(this.#keys.size, 5);
    for (const [i, [host, key]] of [...this.#keys].entries()) {
      const at = 64 * (1 + i);
      report.writeUInt16LE(1, at);
      report.writeUInt8(this.#type !== 0 && this.#holds(host) ? 1 : 0, at + 2);
      report.writeBigUInt64LE(key, at + 8);
      report.write(host, at + 16, 'hex');
    }
    report.copy(data);
  }
}
