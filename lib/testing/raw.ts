// Raw commands of a namespace in memory: those that this package knows.

import { copyOpcode } from '../io/copy.js';
import type { AnaState } from '../multipath/ana.js';
import { ioOpcodes } from '../native/ring-layout.js';
import { zoneOpcodes } from '../nvme/zones.js';
import type { RingCommand } from './command.js';
import { copyBlocks } from './copy.js';
import { anaStatus } from './multipath.js';
import type { MemoryNamespace } from './namespace.js';

const reservationConflict = 0x83;
const rangeStatus = 0x80;
const invalidField = 0x02;
const twoTo32 = 2 ** 32;

/** Who sent a command, and over which path. */
export interface RawOrigin {
  readonly hostId: string;
  readonly ana: AnaState;
}

/** The status of a command, and dwords 0 and 1 of its completion as a number. */
export interface MemoryOutcome {
  readonly status: number;
  readonly result: number;
}

/** Carries out a raw command. An unknown one succeeds without an effect. */
export function executeRaw(
  namespace: MemoryNamespace,
  command: RingCommand,
  { hostId, ana }: RawOrigin,
  part: Uint8Array | undefined,
): MemoryOutcome {
  const ended = (status: number) => ({ status, result: 0 });
  const reservation = namespace.reservations.execute(command, hostId, part);
  if (reservation !== undefined) return ended(reservation);
  const copies = command.opcode === copyOpcode && namespace.copyLimits.ranges > 0;
  const forZones = Object.values(zoneOpcodes).some((opcode) => opcode === command.opcode);
  if (!copies && !(forZones && namespace.zones)) return ended(0);
  const reads = command.opcode === zoneOpcodes.receive;
  if (namespace.reservations.excludes(hostId, reads ? ioOpcodes.read : ioOpcodes.write))
    return ended(reservationConflict);
  const unreachable = anaStatus(ana);
  if (unreachable !== 0) return ended(unreachable);
  return copies ? ended(copyBlocks(namespace, command, part)) : executeZones(namespace, command, part);
}

function executeZones(
  namespace: MemoryNamespace,
  command: RingCommand,
  part: Uint8Array | undefined,
): MemoryOutcome {
  const zones = namespace.zones as NonNullable<MemoryNamespace['zones']>;
  if (command.opcode === zoneOpcodes.append) return append(namespace, command, part ?? new Uint8Array(0));
  if (command.opcode === zoneOpcodes.receive) {
    const memory = part ? Buffer.from(part.buffer, part.byteOffset, part.byteLength) : Buffer.alloc(0);
    return { status: zones.receive(command, memory), result: 0 };
  }
  const { zoneBlocks } = zones.limits;
  const cleared = (first: number) =>
    namespace.data.fill(0, first * namespace.blockSize, (first + zoneBlocks) * namespace.blockSize);
  return { status: zones.send(command, part, cleared), result: 0 };
}

function append(namespace: MemoryNamespace, { dwords }: RingCommand, data: Uint8Array): MemoryOutcome {
  const [low = 0, high = 0, cdw12 = 0] = dwords;
  const blocks = (cdw12 & 0xffff) + 1;
  const block = namespace.zones?.pointerOf(high * twoTo32 + low);
  if (block === undefined || data.byteLength !== blocks * namespace.blockSize)
    return { status: invalidField, result: 0 };
  const status = namespace.zones?.write(block, blocks) ?? rangeStatus;
  if (status === 0) namespace.data.set(data, block * namespace.blockSize);
  return { status, result: status === 0 ? block : 0 };
}
