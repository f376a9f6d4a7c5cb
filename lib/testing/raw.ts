// Raw commands of a namespace in memory: those that this package knows.

import { copyOpcode } from '../io/copy.js';
import type { AnaState } from '../multipath/ana.js';
import type { RingCommand } from './command.js';
import { copyBlocks } from './copy.js';
import { operation } from './layout.js';
import { anaStatus } from './multipath.js';
import type { MemoryNamespace } from './namespace.js';

const reservationConflict = 0x83;

/** Who sent a command, and over which path. */
export interface RawOrigin {
  readonly hostId: string;
  readonly ana: AnaState;
}

/** Carries one out; its status. One that is not known succeeds without an effect. */
export function executeRaw(
  namespace: MemoryNamespace,
  command: RingCommand,
  { hostId, ana }: RawOrigin,
  part: Uint8Array | undefined,
): number {
  const reservation = namespace.reservations.execute(command, hostId, part);
  if (reservation !== undefined) return reservation;
  if (command.opcode !== copyOpcode || namespace.copyLimits.ranges === 0) return 0;
  if (namespace.reservations.excludes(hostId, operation.write)) return reservationConflict;
  return anaStatus(ana) || copyBlocks(namespace, command, part);
}
