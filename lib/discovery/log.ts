// The discovery log (NVM Express Base Specification, "Discovery Log Page", 70h).

import { SpdkError } from '../errors/spdk-error.js';
import { discoveryNqn } from '../options/nqn.js';
import { parseTransportId, type TransportId } from '../options/transport-id.js';

/** Whether the target requires a secure channel. */
export type SecureChannel = 'not-specified' | 'required' | 'not-required';

/** A port of RDMA: the transport-specific part of its entries (NVMe RDMA Transport Specification, "Transport Specific Address Subtype"). */
export interface RdmaPort {
  readonly queuePairType: 'connected' | 'datagram' | 'unknown';
  readonly provider: 'not-specified' | 'infiniband' | 'roce' | 'roce-v2' | 'iwarp' | 'unknown';
  readonly connectionManagement: 'rdma-cm' | 'unknown';
  readonly partitionKey: number;
}

/** One entry of a discovery log. */
export interface DiscoveryEntry {
  /**
   * The argument for `env.attach()`, or for a referral for `env.discover()`; null for a transport that this package
   * does not support.
   */
  readonly transportId: TransportId | null;
  /** `nvm`: a subsystem with namespaces; `referral`: another discovery service; `current`: the service itself. */
  readonly subtype: 'nvm' | 'referral' | 'current' | 'unknown';
  /** The transport's number and name: TRTYPE. */
  readonly transport: 'rdma' | 'tcp' | 'fc' | 'loop' | 'unknown';
  readonly address: string;
  readonly service: string;
  readonly subsystemNqn: string;
  readonly portId: number;
  /** The controller id to request. 65535: the target chooses one; 65534: the target chooses one and keeps it. */
  readonly controllerId: number;
  /** The largest admin submission queue. */
  readonly adminQueueEntries: number;
  readonly secureChannel: SecureChannel;
  /** Whether the target can do without flow control of submission queues: bit 2 of TREQ. */
  readonly disablesSqFlowControl: boolean;
  /** For TCP: the security that the port requires. */
  readonly security: 'none' | 'tls1.2' | 'tls1.3' | 'unknown' | null;
  /** For RDMA: what the port is made of; null for other transports. */
  readonly rdma: RdmaPort | null;
  /** EFLAGS of the entry. */
  readonly flags: number;
}

/** The log of one discovery service. */
export interface DiscoveryLog {
  /** The service. */
  readonly transportId: TransportId;
  /** GENCTR: the target raises it at each change of the log. In JSON a number, or a string from 2^53 on. */
  readonly generation: bigint;
  readonly entries: readonly DiscoveryEntry[];
  /** The logs of the services that it refers to, if requested. */
  readonly referrals: readonly DiscoveryLog[];
  /** Referred services that could not be read, and why. */
  readonly failures: readonly DiscoveryFailure[];
}

export interface DiscoveryFailure {
  readonly transportId: TransportId;
  readonly error: Error;
}

/** The header, and each entry. */
export const logUnitBytes = 1024;
/** More than any target has, within the limits of memory. */
const maxEntries = 65_536;

const transports: Readonly<Record<number, DiscoveryEntry['transport']>> = {
  1: 'rdma',
  2: 'fc',
  3: 'tcp',
  254: 'loop',
};
const subtypes: Readonly<Record<number, DiscoveryEntry['subtype']>> = {
  1: 'referral',
  2: 'nvm',
  3: 'current',
};
const secureChannels: readonly SecureChannel[] = ['not-specified', 'required', 'not-required'];
const securities: Readonly<Record<number, DiscoveryEntry['security']>> = {
  0: 'none',
  1: 'tls1.2',
  2: 'tls1.3',
};
const queuePairTypes: Readonly<Record<number, RdmaPort['queuePairType']>> = { 1: 'connected', 2: 'datagram' };
const providers: Readonly<Record<number, RdmaPort['provider']>> = {
  1: 'not-specified',
  2: 'infiniband',
  3: 'roce',
  4: 'roce-v2',
  5: 'iwarp',
};
/** The offset of the transport-specific part of an entry; for TCP its first byte is SECTYPE. */
const transportSpecific = 768;

/** Whether a connection can be as secure as the target requires it. @param withTls there is a key for TLS */
export function canSecure({ secureChannel, transport }: DiscoveryEntry, withTls: boolean): boolean {
  return secureChannel !== 'required' || (withTls && transport === 'tcp');
}

/**
 * The number of entries of a log.
 * @throws {SpdkError} ERR_SPDK_INVALID_DISCOVERY_LOG for an impossible number
 */
export function entryCount(header: Buffer): number {
  const count = header.readBigUInt64LE(8);
  if (count <= BigInt(maxEntries)) return Number(count);
  throw new SpdkError(
    'ERR_SPDK_INVALID_DISCOVERY_LOG',
    `The target reports ${count} entries in its discovery log; at most ${maxEntries} are supported`,
  );
}

export function generationOf(header: Buffer): bigint {
  return header.readBigUInt64LE(0);
}

/** The entries after the header. Their text comes from the target: invalid addresses give no transport id. */
export function entriesOf(log: Buffer): DiscoveryEntry[] {
  const count = Math.min(entryCount(log), Math.floor(log.length / logUnitBytes) - 1);
  return Array.from({ length: count }, (_, index) => {
    const at = (index + 1) * logUnitBytes;
    return entryOf(log.subarray(at, at + logUnitBytes));
  });
}

function entryOf(entry: Buffer): DiscoveryEntry {
  const transport = transports[entry.readUInt8(0)] ?? 'unknown';
  const subtype = subtypes[entry.readUInt8(2)] ?? 'unknown';
  const address = textAt(entry, 512, 256);
  const service = textAt(entry, 32, 32);
  const subsystemNqn = textAt(entry, 256, 256);
  return Object.freeze({
    transportId: transportIdOf(transport, entry.readUInt8(1), address, service, subsystemNqn),
    subtype,
    transport,
    address,
    service,
    subsystemNqn,
    portId: entry.readUInt16LE(4),
    controllerId: entry.readUInt16LE(6),
    adminQueueEntries: entry.readUInt16LE(8),
    secureChannel: secureChannels[entry.readUInt8(3) & 3] ?? 'not-specified',
    security: transport === 'tcp' ? (securities[entry.readUInt8(transportSpecific)] ?? 'unknown') : null,
    disablesSqFlowControl: (entry.readUInt8(3) & 4) !== 0,
    rdma: transport === 'rdma' ? rdmaPortOf(entry) : null,
    flags: entry.readUInt16LE(10),
  });
}

function rdmaPortOf(entry: Buffer): RdmaPort {
  const field = (offset: number) => entry.readUInt8(transportSpecific + offset);
  return Object.freeze({
    queuePairType: queuePairTypes[field(0)] ?? 'unknown',
    provider: providers[field(1)] ?? 'unknown',
    connectionManagement: field(2) === 1 ? 'rdma-cm' : 'unknown',
    partitionKey: entry.readUInt16LE(transportSpecific + 8),
  });
}

function transportIdOf(
  transport: DiscoveryEntry['transport'],
  family: number,
  traddr: string,
  trsvcid: string,
  subnqn: string,
): TransportId | null {
  if (transport !== 'rdma' && transport !== 'tcp') return null;
  const adrfam = family === 1 ? 'IPv4' : family === 2 ? 'IPv6' : undefined;
  if (!adrfam) return null;
  try {
    return parseTransportId({
      trtype: transport === 'rdma' ? 'RDMA' : 'TCP',
      adrfam,
      traddr,
      trsvcid,
      subnqn,
    });
  } catch {
    return null;
  }
}

/** Text of a fixed size, padded with NUL or spaces. */
function textAt(entry: Buffer, offset: number, bytes: number): string {
  const text = entry.toString('utf8', offset, offset + bytes);
  const end = text.indexOf('\0');
  return (end < 0 ? text : text.slice(0, end)).trimEnd();
}

/** The service to ask: the well-known discovery controller, unless another one is named. */
export function discoveryService(id: TransportId): TransportId {
  return !Object.hasOwn(id, 'subnqn') ? { ...id, subnqn: discoveryNqn } : id;
}
