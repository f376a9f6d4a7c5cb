// The globally unique names of a namespace.

import { SpdkError } from '../errors/spdk-error.js';
import { plainBytesOf } from '../options/buffers.js';
import { hyphenated } from '../options/host-identity.js';

/** One entry of the list of namespace identification descriptors. */
export interface NamespaceDescriptor {
  /** The descriptor's type; `unknown` for those that this package does not know. */
  readonly kind: 'eui64' | 'nguid' | 'uuid' | 'csi' | 'unknown';
  /** Namespace Identifier Type (NIDT). */
  readonly type: number;
  /** A UUID in the form 8-4-4-4-12; of the other kinds hexadecimal digits. */
  readonly value: string;
}

/** Namespace Identifier Types (NVMe base specification, Namespace Identification Descriptor). */
const kinds: Readonly<Record<number, NamespaceDescriptor['kind']>> = {
  1: 'eui64',
  2: 'nguid',
  3: 'uuid',
  4: 'csi',
};

/**
 * Decodes the list of namespace identification descriptors, the 4096 bytes of `admin.identify(0x03, nsid)`.
 * @throws {SpdkTypeError} not a view of bytes
 */
export function decodeNamespaceDescriptors(page: NodeJS.ArrayBufferView): NamespaceDescriptor[] {
  const bytes = plainBytesOf(page, 'page');
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const list: NamespaceDescriptor[] = [];
  for (let at = 0; at + 4 <= data.length; ) {
    const type = data.readUInt8(at);
    const length = data.readUInt8(at + 1);
    if (type === 0 || length === 0 || at + 4 + length > data.length) break;
    const digits = data.toString('hex', at + 4, at + 4 + length);
    const kind = kinds[type] ?? 'unknown';
    list.push(Object.freeze({ kind, type, value: kind === 'uuid' ? hyphenated(digits) : digits }));
    at += 4 + length;
  }
  return list;
}

/** Generic command statuses: Invalid Command Opcode, and Invalid Field in Command. */
const unknownStatuses: readonly number[] = [0x01, 0x02];

/**
 * The list of a namespace; an empty one of a controller that does not know it, as before NVMe 1.3. Any other status, of a command
 * that was aborted for example, says nothing about the namespace.
 * @param identify sends Identify with the structure 03h
 */
export async function readNamespaceDescriptors(
  identify: () => Promise<Buffer>,
): Promise<readonly NamespaceDescriptor[]> {
  try {
    return decodeNamespaceDescriptors(await identify());
  } catch (error) {
    const status = error instanceof SpdkError ? error.nvmeStatus : undefined;
    if (status?.sct === 0 && unknownStatuses.includes(status.sc)) return [];
    throw error;
  }
}

/** What names a namespace; empty texts where the controller reports none. */
export interface NamespaceNames {
  readonly uuid: string;
  readonly nguid: string;
  readonly eui64: string;
}

/**
 * One name for a disk, the same over every path and after every reset: its UUID, else its NGUID, else its EUI-64, with the prefix that
 * Linux gives them in `/sys/block/*\/wwid`. A namespace without any is named by its location: the subsystem's NQN, the serial number of the
 * controller and the namespace id.
 */
export function deviceIdOf(
  { uuid, nguid, eui64 }: NamespaceNames,
  location: { readonly subsystemNqn: string; readonly serial: string; readonly nsid: number },
): string {
  if (uuid !== '') return `uuid.${uuid}`;
  if (nguid !== '') return `eui.${nguid}`;
  if (eui64 !== '') return `eui.${eui64}`;
  return `nsid.${location.subsystemNqn}.${location.serial}.${location.nsid}`;
}
