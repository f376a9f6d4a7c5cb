// What distinguishes subsystems and namespaces: fields of Identify Controller, and the namespace identification descriptors.

import { isDeepStrictEqual } from 'node:util';
import { type NamespaceNames, readNamespaceDescriptors } from '../nvme/namespace-descriptors.js';
import type { NamespaceInfo } from '../types.js';

/** Sends Identify. */
export interface Identify {
  identify(cns: number, nsid: number, options: { readonly timeoutMs: number }): Promise<Buffer>;
}

/** What several paths need to know of a controller (NVMe base specification, Identify Controller). */
export interface ControllerFacts {
  readonly serial: string;
  readonly model: string;
  readonly subsystemNqn: string;
  /** Whether it reports ANA. */
  readonly reportsAna: boolean;
  /** Whether it can report changes of it. */
  readonly notifiesAna: boolean;
  /** The longest transition in milliseconds. */
  readonly transitionMs: number;
  readonly anaGroups: number;
  /** The most namespaces in its ANA log. */
  readonly anaNamespaces: number;
  /** The Command Retry Delay Times in milliseconds; 0 for none. */
  readonly retryDelaysMs: readonly number[];
}

const identifyController = 0x01;
const identifyDescriptors = 0x03;
const at = { serial: 4, model: 24, cmic: 76, oaes: 92, crdt: 128, anatt: 342, nanagrpid: 348 } as const;
const counts = { nn: 516, mnan: 540, subnqn: 768 } as const;
const cmicAna = 1 << 3;
/** Asymmetric Namespace Access Change Notices, in OAES and in Asynchronous Event Configuration. */
export const anaNotices = 1 << 11;
/** The transition time of a controller that reports none. */
const defaultTransitionMs = 10_000;

/** Reads what several paths need to know of a controller. */
export async function readFacts(admin: Identify, timeoutMs: number): Promise<ControllerFacts> {
  const data = await admin.identify(identifyController, 0, { timeoutMs });
  const upToEnd = (text: string) => text.split('\0', 1)[0] as string;
  const text = (from: number, bytes: number) => upToEnd(data.toString('latin1', from, from + bytes)).trim();
  const nqn = upToEnd(data.toString('utf8', counts.subnqn, counts.subnqn + 256));
  const allowed = data.readUInt32LE(counts.mnan);
  return {
    serial: text(at.serial, 20),
    model: text(at.model, 40),
    subsystemNqn: nqn,
    reportsAna: (data.readUInt8(at.cmic) & cmicAna) !== 0,
    notifiesAna: (data.readUInt32LE(at.oaes) & anaNotices) !== 0,
    transitionMs: data.readUInt8(at.anatt) * 1_000 || defaultTransitionMs,
    anaGroups: data.readUInt32LE(at.nanagrpid),
    anaNamespaces: allowed === 0 ? data.readUInt32LE(counts.nn) : allowed,
    retryDelaysMs: [0, 1, 2].map((i) => data.readUInt16LE(at.crdt + 2 * i) * 100),
  };
}

/** Whether two controllers say that they are of one subsystem. */
export function isSameSubsystem(one: ControllerFacts, other: ControllerFacts): boolean {
  return one.serial === other.serial && one.model === other.model && one.subsystemNqn === other.subsystemNqn;
}

/** Reads the identifiers of a namespace. A controller without the list has those of Identify Namespace only. */
export async function readIds(
  admin: Identify,
  namespace: { readonly id: number; readonly nguid: string; readonly eui64: string },
  timeoutMs: number,
): Promise<NamespaceNames> {
  const ids = { uuid: '', nguid: namespace.nguid, eui64: namespace.eui64 };
  const identify = () => admin.identify(identifyDescriptors, namespace.id, { timeoutMs });
  for (const { kind, value } of await readNamespaceDescriptors(identify)) {
    if ((kind === 'uuid' || kind === 'nguid' || kind === 'eui64') && !/^[0-]*$/.test(value))
      ids[kind] = value;
  }
  return ids;
}

/** One text for equal identifiers; undefined for a namespace without any. */
export function identityKey(nsid: number, { uuid, nguid, eui64 }: NamespaceNames): string | undefined {
  return uuid || nguid || eui64 ? `${nsid} ${uuid} ${nguid} ${eui64}` : undefined;
}

/** Whether two descriptions can be those of one namespace, whose data is transferred in one way. */
export function sameShape(one: NamespaceInfo, other: NamespaceInfo): boolean {
  return (
    one.blocks === other.blocks &&
    one.blockSize === other.blockSize &&
    one.metadataSize === other.metadataSize &&
    one.metadata === other.metadata &&
    isDeepStrictEqual(one.protection, other.protection)
  );
}
