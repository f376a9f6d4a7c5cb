// The reservation of a namespace in memory (NVMe base specification, "Reservations").

import { ioOpcodes } from '../native/ring-layout.js';
import { type ReservationType, reservationTypes } from '../nvme/reservations.js';
import type { RingCommand } from './command.js';

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
const exclusiveTypes: readonly number[] = [
  exclusive,
  reservationTypes['exclusive-access-registrants-only'],
  reservationTypes['exclusive-access-all-registrants'],
];

/** Who is registered with a namespace in memory, and who holds the reservation. */
export class MemoryReservations {
  /** Keys by host identifier, 32 hexadecimal digits. */
  readonly #keys = new Map<string, bigint>();
  #type = 0;
  #holder: string | undefined;
  #generation = 0;

  /** Which reservation there is; undefined for none. */
  get type(): ReservationType | undefined {
    const names = Object.keys(reservationTypes) as ReservationType[];
    return names.find((name) => reservationTypes[name] === this.#type);
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
    if (this.#type > reservationTypes['exclusive-access-registrants-only']) return this.#keys.has(hostId);
    return this.#holder === hostId;
  }

  /** @param current undefined: any */
  #register(hostId: string, action: number, current: bigint | undefined, fresh: bigint): number {
    const known = this.#keys.get(hostId);
    if (action > 2 || (action !== 1 && fresh === 0n)) return invalidField;
    if (action === 0 && known !== undefined && known !== fresh) return conflict;
    if (action === 1 && known === undefined) return conflict;
    if (action > 0 && current !== undefined && known !== current) return conflict;
    if (action === 1) this.#remove(hostId);
    else this.#keys.set(hostId, fresh);
    this.#generation++;
    return 0;
  }

  #acquire(hostId: string, action: number, type: number, key: bigint, preempted: bigint): number {
    if (this.#keys.get(hostId) !== key) return conflict;
    if (type < 1 || type > 6) return invalidField;
    if (action > 0) {
      for (const [host, other] of [...this.#keys])
        if (other === preempted && host !== hostId) this.#remove(host);
      this.#generation++;
      if (this.#type !== 0 && !this.#holds(hostId)) return 0;
    } else if (this.#type !== 0) {
      return this.#holds(hostId) && this.#type === type ? 0 : conflict;
    }
    this.#type = type;
    this.#holder = hostId;
    return 0;
  }

  #release(hostId: string, action: number, type: number, key: bigint): number {
    if (this.#keys.get(hostId) !== key) return conflict;
    if (action === 1) {
      this.#keys.clear();
      this.#end();
      this.#generation++;
    } else if (this.#holds(hostId)) {
      if (type !== this.#type) return invalidField;
      this.#end();
    }
    return 0;
  }

  #remove(hostId: string): void {
    const held = this.#holds(hostId);
    this.#keys.delete(hostId);
    if (held && (this.#holder === hostId || this.#keys.size === 0)) this.#end();
  }

  #end(): void {
    this.#type = 0;
    this.#holder = undefined;
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
