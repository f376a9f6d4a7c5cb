// Asymmetric Namespace Access: the log page, and the state of each namespace in it.

import { SpdkError } from '../errors/spdk-error.js';

/**
 * How well a path reaches a namespace (NVMe base specification, Asymmetric Namespace Access). Operations use `optimized`
 * paths, and `non-optimized` ones where there are no others. `inaccessible` and `change` are expected to end;
 * `persistent-loss` is not.
 */
export type AnaState = 'optimized' | 'non-optimized' | 'inaccessible' | 'persistent-loss' | 'change';

const states: Readonly<Record<number, AnaState>> = {
  1: 'optimized',
  2: 'non-optimized',
  3: 'inaccessible',
  4: 'persistent-loss',
  15: 'change',
};

/** The number of the log page. */
export const anaPage = 0x0c;
const headerBytes = 16;
const groupBytes = 32;
const nsidBytes = 4;
/** More than the logs of targets have, whatever they announce: a hundred thousand namespaces, each in a group of its own. */
const maxLogBytes = 4 << 20;

/** The length to read of a log with up to this many groups and namespaces. */
export function anaLogBytes(groups: number, namespaces: number): number {
  return Math.min(headerBytes + groups * groupBytes + namespaces * nsidBytes, maxLogBytes);
}

/**
 * The state of each namespace by its id.
 * @throws {SpdkError} ERR_SPDK_ATTACH_FAILED for a log that contradicts itself
 */
export function parseAnaLog(log: Buffer): ReadonlyMap<number, AnaState> {
  const byId = new Map<number, AnaState>();
  try {
    const groups = log.readUInt16LE(8);
    let at = headerBytes;
    for (let group = 0; group < groups; group++) {
      const count = log.readUInt32LE(at + 4);
      // A state that the specification does not have is none that commands may be sent in.
      const state = states[log.readUInt8(at + 16) & 0xf] ?? 'inaccessible';
      at += groupBytes;
      for (let i = 0; i < count; i++, at += nsidBytes) byId.set(log.readUInt32LE(at), state);
    }
  } catch (cause) {
    const message = 'The ANA log page of the controller is malformed: it ends within a group';
    throw new SpdkError('ERR_SPDK_ATTACH_FAILED', message, { cause });
  }
  return byId;
}

/** Whether commands may be sent. */
export function isAccessible(state: AnaState): boolean {
  return state === 'optimized' || state === 'non-optimized';
}

/** Whether the state is one that ends within the controller's transition time. */
export function isTransition(state: AnaState): boolean {
  return state === 'inaccessible' || state === 'change';
}
