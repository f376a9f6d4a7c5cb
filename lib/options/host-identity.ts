// The identity of this host: its NQN, which access lists use, and its host identifier, to which reservations belong.

import { createHash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { throwIfFull } from '../internal/descriptors.js';
import { eventLoop } from '../internal/event-loop.js';
import { checkString } from './arguments.js';
import { checkNqn, isUuid, uuidNqn, uuidOfNqn } from './nqn.js';

/** The identity of a host; `id` is a UUID in lower case. */
export interface HostIdentity {
  readonly nqn: string;
  readonly id: string;
}

/** The identity of the machine, which nvme-cli and the kernel's initiator use too. */
export interface HostFiles extends Partial<HostIdentity> {
  /** The files that were ignored, and why. */
  readonly problems: readonly string[];
}

/** What a machine says about itself; reading a property may read a file. */
export interface MachineIdentity {
  readonly nqn?: string | undefined;
  readonly id?: string | undefined;
}

const nvmeFolder = '/etc/nvme';
/** Such a file has one line; longer files are ignored. */
const maxFileBytes = 4_096;
/** Two changes of a file within this time may have the same time stamp. */
const clockTickMs = 100;
/** The URL namespace of RFC 9562, in which a host identifier is computed from an NQN. */
const urlNamespace = Buffer.from('6ba7b8119dad11d180b400c04fd430c8', 'hex');

/**
 * The identity of this machine, which `env.attach` uses unless it is given another: the names in the files `hostnqn` and
 * `hostid`. Missing files are normal; malformed files are ignored and named in `problems`.
 * @param folder default `/etc/nvme`
 * @throws {SpdkTypeError} for a folder that is no string, and for nothing else
 */
export function readHostFiles(folder: string = nvmeFolder): HostFiles {
  return readFiles(checkString(folder, 'folder'), () => {});
}

/**
 * Returns a function that does as {@link readHostFiles}, for connections: while no file can be opened, this machine has no other
 * identity than before. Each call looks whether the files have changed, and opens and reads them only then. The function
 * throws ERR_SPDK_NO_DESCRIPTORS.
 */
export function machineFiles(folder: string = nvmeFolder): () => HostFiles {
  let latest: { readonly state: string; readonly files: HostFiles } | undefined;
  return () => {
    // Before they are read: a change meanwhile is found by the next call.
    const state = stateOf(folder);
    if (latest && latest.state === state) return latest.files;
    const files = readFiles(folder, throwIfFull);
    latest = state === undefined ? undefined : { state, files };
    return files;
  };
}

/** Changes with the files. Nothing if it cannot be known, or may not change with them because they have just been written. */
function stateOf(folder: string): string | undefined {
  try {
    const all = ['hostid', 'hostnqn'].map((name) => statSync(`${folder}/${name}`, { throwIfNoEntry: false }));
    const recently = eventLoop.wallNow() - clockTickMs;
    if (all.some((one) => one !== undefined && one.ctimeMs > recently)) return undefined;
    return all.map((one) => one && `${one.dev} ${one.ino} ${one.size} ${one.ctimeMs}`).join();
  } catch {
    return undefined;
  }
}

/** @param unread called with the reason why a file is not used */
function readFiles(folder: string, unread: (error: unknown) => void): HostFiles {
  const problems: string[] = [];
  const read = (name: string, check: (line: string) => string): string | undefined => {
    const file = `${folder}/${name}`;
    try {
      const line = firstLine(readSmallFile(file));
      return line === undefined ? undefined : check(line);
    } catch (error) {
      unread(error);
      const { code, message } = error as NodeJS.ErrnoException;
      if (code !== 'ENOENT' && code !== 'ENOTDIR') problems.push(`${file} is not used: ${message}`);
      return undefined;
    }
  };
  const id = read('hostid', checkId);
  // Without an NQN the machine is named by its identifier.
  const nqn = read('hostnqn', (line) => checkNqn(line, 'the host NQN')) ?? (id && uuidNqn(id));
  return { ...(nqn && { nqn }), ...(id && { id }), problems };
}

/**
 * The identity to connect with: that of the options, otherwise the machine's, otherwise the process's. Each NQN has one
 * identifier, because a target may require that: the machine's for the machine's NQN, otherwise one computed from the NQN.
 * @param wanted includes a `hostId` that `hostNqn` implies, see `resolveAttachOptions`
 * @param processId a UUID that is fixed for the process
 */
export function hostIdentity(
  wanted: { readonly hostNqn: string | undefined; readonly hostId: string | undefined },
  machine: MachineIdentity,
  processId: string,
): HostIdentity {
  const nqn = wanted.hostNqn ?? machine.nqn ?? uuidNqn(processId);
  return { nqn, id: wanted.hostId ?? (nqn === machine.nqn ? machine.id : undefined) ?? idOf(nqn) };
}

/** The UUID in a UUID-based NQN; otherwise one computed from the NQN (version 5 of RFC 9562). */
function idOf(nqn: string): string {
  const uuid = uuidOfNqn(nqn);
  if (uuid !== undefined && !isNil(uuid)) return uuid;
  const hash = createHash('sha1').update(urlNamespace).update(nqn).digest();
  hash.writeUInt8((hash.readUInt8(6) & 0x0f) | 0x50, 6);
  hash.writeUInt8((hash.readUInt8(8) & 0x3f) | 0x80, 8);
  return hyphenated(hash.toString('hex', 0, 16));
}

/** A UUID with or without its hyphens, in any case. */
function checkId(line: string): string {
  const text = line.toLowerCase();
  const uuid = /^[0-9a-f]{32}$/.test(text) ? hyphenated(text) : text;
  if (!isUuid(uuid) || isNil(uuid)) throw new Error('it contains no UUID, or one of zeroes');
  return uuid;
}

/** Writes 32 hexadecimal digits as a UUID. */
export function hyphenated(digits: string): string {
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

function isNil(uuid: string): boolean {
  return /^[0-]+$/.test(uuid);
}

/** The first line that is neither blank nor a comment. */
function firstLine(text: string): string | undefined {
  return text
    .split('\n')
    .map((line) => line.trim())
    .find((line) => line !== '' && !line.startsWith('#'));
}

/** Reads a file. Never blocks: a named pipe is opened without waiting and rejected. */
function readSmallFile(file: string): string {
  const descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if (!fstatSync(descriptor).isFile()) throw new Error('it is not a regular file');
    const bytes = Buffer.alloc(maxFileBytes + 1);
    const length = readSync(descriptor, bytes, 0, bytes.length, 0);
    if (length > maxFileBytes) throw new Error(`it is longer than ${maxFileBytes} bytes`);
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, length));
  } finally {
    closeSync(descriptor);
  }
}
