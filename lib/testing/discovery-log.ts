// A discovery log as a target in memory writes it.

import { logUnitBytes } from '../discovery/log.js';
import { fields, listOf, text, whole } from './settable.js';

/** An entry of a discovery log; by default NVM subsystem, TCP and IPv4. */
export interface WrittenEntry {
  readonly subtype?: number;
  readonly trtype?: number;
  readonly adrfam?: number;
  readonly traddr?: string;
  readonly trsvcid?: string;
  readonly subnqn?: string;
  /** TREQ; 1: a secure channel is required. */
  readonly treq?: number;
  readonly portId?: number;
}

const byte = whole(0, 0xff);

/** Checks the entries of a log: what is not of its length would be written over the next field. */
export const checkEntries = listOf(
  65_536,
  fields<WrittenEntry>({
    ...{ subtype: byte, trtype: byte, adrfam: byte, treq: byte, portId: whole(0, 0xffff) },
    ...{ traddr: text(256), trsvcid: text(32), subnqn: text(256) },
  }),
);

/** A discovery log as a target writes it (NVM Express Base Specification, log page 70h). */
export function discoveryLog(generation: number, entries: readonly WrittenEntry[]): Buffer {
  const log = Buffer.alloc((entries.length + 1) * logUnitBytes);
  log.writeBigUInt64LE(BigInt(generation), 0);
  log.writeBigUInt64LE(BigInt(entries.length), 8);
  entries.forEach((entry, index) => {
    const { subtype = 2, trtype = 3, adrfam = 1, treq = 2, portId = 7 } = entry;
    const at = (index + 1) * logUnitBytes;
    log.set([trtype, adrfam, subtype, treq], at);
    log.writeUInt16LE(portId, at + 4);
    log.writeUInt16LE(0xffff, at + 6);
    log.write((entry.trsvcid ?? '4420').padEnd(32), at + 32);
    log.write(entry.subnqn ?? 'nqn.2014-08.org:a', at + 256);
    log.write((entry.traddr ?? '192.0.2.1').padEnd(256), at + 512);
  });
  return log;
}
