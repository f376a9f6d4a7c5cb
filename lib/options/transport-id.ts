// Transport ids: SPDK's notation for the address of a controller.

import { isIP, SocketAddress } from 'node:net';
import { SpdkError, SpdkTypeError } from '../errors/spdk-error.js';
import { checkString, describe, readOptions, suggest } from './arguments.js';
import { checkNqn } from './nqn.js';

/** A transport this package can attach over. */
export type TransportType = 'RDMA' | 'TCP' | 'PCIe';

/** The family of a fabric address. */
export type AddressFamily = 'IPv4' | 'IPv6';

/** The address of a controller, checked and in canonical form (SPDK's `spdk_nvme_transport_id`). */
export interface TransportId {
  readonly trtype: TransportType;
  /** RDMA and TCP only. */
  readonly adrfam?: AddressFamily;
  /** An IP address; for PCIe, `domain:bus:device.function` in hexadecimal. */
  readonly traddr: string;
  /** The port as a decimal number; RDMA and TCP only. */
  readonly trsvcid?: string;
  /** The NQN of the subsystem; RDMA and TCP only, where an attach needs it. */
  readonly subnqn?: string;
}

/** A transport id as an object; {@link parseTransportId} describes the values of the keys. */
export interface TransportIdObject {
  readonly trtype: string;
  readonly adrfam?: string | undefined;
  readonly traddr: string;
  readonly trsvcid?: string | number | undefined;
  readonly subnqn?: string | undefined;
}

/** The port that IANA assigned to NVMe-oF, used where a transport id names none. */
const defaultPort = '4420';

const keys = ['trtype', 'adrfam', 'traddr', 'trsvcid', 'subnqn'] as const;
type Key = (typeof keys)[number];

/** Longer than any valid transport id (SPDK's limits on the five values add up to some 550 bytes). */
const maxLength = 1024;
/** SPDK_NVMF_TRADDR_MAX_LEN */
const maxAddressLength = 256;
/** SPDK_NVMF_TRSVCID_MAX_LEN */
const maxServiceLength = 32;

/** Keys of SPDK's own programs that this package has elsewhere or not at all. */
const foreignKeys: Readonly<Record<string, string>> = {
  hostaddr: 'pass it as the attach option sourceAddress',
  hostsvcid: 'omit it: each queue of a controller needs its own local port',
  hostnqn: 'pass it as the attach option hostNqn',
  ns: 'attach the controller and choose one of its namespaces',
  priority: 'socket priorities are not supported',
  alt_traddr: 'attach to each address separately',
};

/**
 * Reads a transport id from SPDK's string (`key:value` or `key=value`, separated by white space, keys in any case) or
 * from an object with the same keys.
 *
 * - `trtype`: RDMA, TCP or PCIe, in any case
 * - `adrfam`: IPv4 or IPv6, in any case; inferred from the address
 * - `traddr`: an IP address, or for PCIe a device like 0000:01:00.0. Host names are rejected: SPDK would resolve them in
 *   a call that cannot be interrupted. 0.0.0.0 and :: are accepted, as by nvme-cli, and lead to this machine
 * - `trsvcid`: the port, 1 to 65535; 4420 by default. In an object it may be a number
 * - `subnqn`: the subsystem's NQN
 *
 * Stricter than `spdk_nvme_transport_id_parse`, which ignores unknown keys and lets a later key replace an earlier one;
 * more lenient in that white space may end the string. More than 1024 characters are rejected.
 *
 * @returns a frozen object; equal addresses give equal texts (IPv6 as in RFC 5952, hexadecimal in lower case; ::ffff:10.0.0.1 as 10.0.0.1)
 * @throws {SpdkTypeError} neither a string nor a plain object, or a value of the wrong type
 * @throws {SpdkError} ERR_SPDK_INVALID_TRANSPORT_ID, or ERR_SPDK_INVALID_NQN for the NQN
 */
export function parseTransportId(id: string | TransportIdObject): TransportId {
  const given = typeof id === 'string' ? readString(id) : readObject(id);
  const trtype = readType(required(given, 'trtype'));
  return Object.freeze(trtype === 'PCIe' ? readPcie(given) : readFabric(trtype, given));
}

/**
 * A transport id as SPDK's string, in one canonical form: equal controllers give equal strings, and
 * {@link parseTransportId} returns an equal object.
 * @throws as {@link parseTransportId} does, for an object that is not a valid transport id
 */
export function formatTransportId(id: TransportIdObject): string {
  const canonical = parseTransportId(id);
  return keys
    .filter((key) => canonical[key] !== undefined)
    .map((key) => `${key}:${canonical[key]}`)
    .join(' ');
}

/**
 * Rejects a transport id without a subsystem: SPDK would connect to the discovery subsystem or fail late.
 * @throws {SpdkError} ERR_SPDK_INVALID_TRANSPORT_ID
 */
export function checkAttachable(id: TransportId): TransportId {
  if (id.trtype !== 'PCIe' && id.subnqn === undefined) {
    fail(`has no subnqn; add the NQN of the subsystem to attach, as in subnqn:nqn.2016-06.io.spdk:cnode1`);
  }
  return id;
}

/** An IPv4 address as IPv6 programs write it, which leads to the same port. */
const mapped = /^::ffff:(?=.*\.)/;

/**
 * The canonical text of an IP address and its family; undefined for anything else. An IPv6 address may end in a
 * zone, as link-local ones must (`fe80::1%eth0`); one that stands for an IPv4 address (`::ffff:10.0.0.1`) is that.
 */
export function canonicalAddress(text: string): { address: string; family: AddressFamily } | undefined {
  if (text.length > maxAddressLength) return undefined;
  switch (isIP(text)) {
    case 4:
      return { address: text, family: 'IPv4' };
    case 6: {
      const zoneAt = text.indexOf('%');
      const bare = zoneAt < 0 ? text : text.slice(0, zoneAt);
      const zone = zoneAt < 0 ? '' : text.slice(zoneAt);
      const { address } = new SocketAddress({ address: bare, family: 'ipv6' });
      if (mapped.test(address) && zone === '')
        return { address: address.replace(mapped, ''), family: 'IPv4' };
      return { address: address + zone, family: 'IPv6' };
    }
    default:
      return undefined;
  }
}

type Given = ReadonlyMap<Key, string>;

function readString(text: string): Given {
  if (text.length > maxLength) fail(`must be at most ${maxLength} characters long; got ${text.length}`);
  const given = new Map<Key, string>();
  for (const word of text.split(/[ \t\r\n]+/)) {
    if (word === '') continue;
    // The first separator ends the key; the value may contain more of them, as an IPv6 address does.
    const separator = word.search(/[:=]/);
    if (separator < 1) fail(`has ${describe(word)} instead of key:value`);
    const key = word.slice(0, separator).toLowerCase();
    const value = word.slice(separator + 1);
    if (!isKey(key)) failUnknownKey(key);
    if (given.has(key)) fail(`has ${key} twice; remove one of them`);
    if (value === '') fail(`has no value after ${describe(word)}`);
    given.set(key, value);
  }
  return given;
}

function readObject(id: unknown): Given {
  if (id === undefined)
    throw new SpdkTypeError('A transport id must be a string or an object; got undefined');
  const given = new Map<Key, string>();
  for (const [key, value] of readOptions(id, 'transport id', keys, 'ERR_SPDK_INVALID_TRANSPORT_ID')) {
    given.set(key, key === 'trsvcid' && typeof value === 'number' ? String(value) : checkString(value, key));
  }
  return given;
}

function readFabric(trtype: 'RDMA' | 'TCP', given: Given): TransportId {
  const traddr = required(given, 'traddr');
  const canonical = canonicalAddress(traddr);
  if (!canonical) {
    const hint = /^\[.*\]$/.test(traddr.slice(0, maxAddressLength))
      ? 'write an IPv6 address without brackets'
      : 'resolve host names first, with dns.promises.lookup';
    fail(`must have an IPv4 or IPv6 address as traddr (${hint}); got ${describe(traddr)}`);
  }
  const { address, family } = canonical;
  const adrfam = given.has('adrfam') ? readFamily(required(given, 'adrfam')) : family;
  if (adrfam !== family && (adrfam === 'IPv4' || isIP(traddr) === 4)) {
    fail(`says adrfam ${adrfam}, but traddr ${address} is ${family}; omit adrfam`);
  }
  const trsvcid = given.has('trsvcid') ? readPort(required(given, 'trsvcid')) : defaultPort;
  const subnqn = given.get('subnqn');
  return {
    trtype,
    adrfam: family,
    traddr: address,
    trsvcid,
    ...(subnqn === undefined ? {} : { subnqn: checkNqn(subnqn, 'subnqn') }),
  };
}

function readPcie(given: Given): TransportId {
  for (const key of ['adrfam', 'trsvcid', 'subnqn'] as const) {
    if (given.has(key)) fail(`has ${key}, which PCIe does not have; a PCIe device is named by traddr alone`);
  }
  const traddr = required(given, 'traddr');
  // domain:bus:device.function as lspci prints it, the domain optional. SPDK also accepts dots throughout.
  const parts =
    /^(?:([0-9a-f]{1,8}):)?([0-9a-f]{1,2}):([0-9a-f]{1,2})\.([0-7])$/i.exec(traddr) ??
    /^([0-9a-f]{1,8})\.([0-9a-f]{1,2})\.([0-9a-f]{1,2})\.([0-7])$/i.exec(traddr);
  const [domain = 0, bus = 0, device = 0, pciFunction = 0] =
    parts?.slice(1).map((part) => Number.parseInt(part ?? '0', 16)) ?? [];
  if (!parts || device > 0x1f) {
    fail(
      `must have a PCI device like 0000:01:00.0 as traddr (domain:bus:device.function); got ${describe(traddr)}`,
    );
  }
  return { trtype: 'PCIe', traddr: `${hex(domain, 4)}:${hex(bus, 2)}:${hex(device, 2)}.${pciFunction}` };
}

function readType(text: string): TransportType {
  for (const type of ['RDMA', 'TCP', 'PCIe'] as const) {
    if (type.toLowerCase() === text.toLowerCase()) return type;
  }
  return fail(`must have RDMA, TCP or PCIe as trtype; got ${describe(text)}`);
}

function readFamily(text: string): AddressFamily {
  for (const family of ['IPv4', 'IPv6'] as const) {
    if (family.toLowerCase() === text.toLowerCase()) return family;
  }
  return fail(`must have IPv4 or IPv6 as adrfam; got ${describe(text)}`);
}

function readPort(text: string): string {
  const port = text.length <= maxServiceLength && /^\d+$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535) {
    fail(`must have a port from 1 to 65535 as trsvcid; got ${describe(text)}`);
  }
  return String(port);
}

function required(given: Given, key: Key): string {
  return (
    given.get(key) ??
    fail(`has no ${key}; add ${key === 'trtype' ? 'trtype:TCP or trtype:RDMA' : `${key}:ADDRESS`}`)
  );
}

function isKey(text: string): text is Key {
  return (keys as readonly string[]).includes(text);
}

function failUnknownKey(key: string): never {
  const advice = Object.hasOwn(foreignKeys, key) ? foreignKeys[key] : suggest(key, keys);
  fail(`has the unknown key ${describe(key)}; ${advice}`);
}

function fail(problem: string): never {
  throw new SpdkError('ERR_SPDK_INVALID_TRANSPORT_ID', `The transport id ${problem}`);
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}
