// The options with which a host and a controller authenticate each other and encrypt their connection.

import { isArrayBufferView, isUint8Array } from 'node:util/types';
import { SpdkTypeError } from '../errors/spdk-error.js';
import { checkOneOf, describe, listIn, readOptions } from './arguments.js';
import { conflict, invalid, optional } from './common.js';
import { KeySource, wipedIfThrown } from './key-source.js';

/**
 * Where a secret key is. A key is text, `DHHC-1:…` for DH-HMAC-CHAP and `NVMeTLSkey-1:…` for TLS, as `nvme gen-dhchap-key` and
 * `nvme gen-tls-key` write it.
 *
 * - A Uint8Array, such as a Buffer: the text itself. It is copied before the call returns, so the caller may wipe it then.
 *   Strings are rejected, because JavaScript cannot wipe them.
 * - `file`: an absolute path. The file must be a regular one that only its owner can read.
 * - `kernelKey`: the description of a key of type `user` in the kernel's keyrings (`keyctl add user …`).
 *
 * A file and a kernel key are read again for each attach, so they may change in between. So is a Uint8Array for a path that is
 * added to a subsystem later.
 */
export type Secret = Uint8Array | { readonly file: string } | { readonly kernelKey: string };

/** A hash function of DH-HMAC-CHAP. */
export type DhchapDigest = 'sha256' | 'sha384' | 'sha512';

/** A Diffie-Hellman group of DH-HMAC-CHAP; `null` has no key exchange. */
export type DhchapGroup = 'null' | 'ffdhe2048' | 'ffdhe3072' | 'ffdhe4096' | 'ffdhe6144' | 'ffdhe8192';

/** How a host and a controller authenticate each other (NVMe base specification, "DH-HMAC-CHAP Protocol"). */
export interface DhchapOptions {
  /** The key by which this host proves who it is. The controller decides whether it asks for that. */
  key: Secret;
  /**
   * The key by which the controller proves who it is. With it every connection authenticates, whether the controller
   * asks for it or not, and a controller that cannot prove who it is is rejected. Default: none.
   */
  controllerKey?: Secret | undefined;
  /** The hash functions that this host accepts. Default: all. */
  digests?: readonly DhchapDigest[] | undefined;
  /** The Diffie-Hellman groups that this host accepts. Default: all. */
  groups?: readonly DhchapGroup[] | undefined;
}

/** Encryption of all connections of a controller by TLS 1.3 (NVMe TCP transport specification). */
export interface TlsOptions {
  /** The key that host and controller share, in its interchange format. */
  psk: Secret;
}

/** The option `dhchap`, checked. */
export interface ResolvedDhchap {
  readonly key: KeySource;
  readonly controllerKey: KeySource | undefined;
  /** Undefined: all that SPDK has. */
  readonly digests: readonly DhchapDigest[] | undefined;
  readonly groups: readonly DhchapGroup[] | undefined;
}

/** The option `tls`, checked. */
export interface ResolvedTls {
  readonly psk: KeySource;
}

/** @internal The keys of an attach. */
export interface AttachKeys {
  readonly dhchap: ResolvedDhchap | undefined;
  readonly tls: ResolvedTls | undefined;
}

/** @internal Each key of an attach that there is. */
export function sourcesOf({ dhchap, tls }: AttachKeys): KeySource[] {
  return [dhchap?.key, dhchap?.controllerKey, tls?.psk].filter((source) => source !== undefined);
}

// Identifiers by NVMe base specification, "DH-HMAC-CHAP Protocol": figures of the hash and group identifiers.
/** @internal */
export const digestIds = { sha256: 1, sha384: 2, sha512: 3 } as const satisfies Record<DhchapDigest, number>;
/** @internal */
export const groupIds = {
  null: 0,
  ffdhe2048: 1,
  ffdhe3072: 2,
  ffdhe4096: 3,
  ffdhe6144: 4,
  ffdhe8192: 5,
} as const satisfies Record<DhchapGroup, number>;

const dhchapKeys = ['key', 'controllerKey', 'digests', 'groups'] as const satisfies (keyof DhchapOptions)[];

/**
 * Checks the option `dhchap`.
 * @param keys those that it may have
 * @throws {SpdkTypeError} a value of the wrong type
 * @throws {SpdkError} ERR_SPDK_UNKNOWN_OPTION, ERR_SPDK_INVALID_ARG_VALUE, ERR_SPDK_CONFLICTING_OPTIONS, ERR_SPDK_INVALID_KEY
 */
export function resolveDhchap(
  value: unknown,
  keys: readonly (keyof DhchapOptions)[] = dhchapKeys,
): ResolvedDhchap {
  const given = readOptions(value, 'dhchap options', keys);
  if (given.get('key') === undefined) invalid('dhchap needs a key');
  const digests = optional(given.get('digests'), (list) => readNames(list, 'dhchap.digests', digestIds));
  const groups = optional(given.get('groups'), (list) => readNames(list, 'dhchap.groups', groupIds));
  const key = readSecret(given.get('key'), 'dhchap.key', 'dhchap');
  const controllerKey = wipedIfThrown([key], () =>
    optional(given.get('controllerKey'), (secret) => readSecret(secret, 'dhchap.controllerKey', 'dhchap')),
  );
  return Object.freeze({ key, controllerKey, digests, groups });
}

/**
 * Checks the option `tls` for a transport.
 * @throws as {@link resolveDhchap}; ERR_SPDK_CONFLICTING_OPTIONS also for a transport without TLS
 */
export function resolveTls(value: unknown, trtype: string): ResolvedTls {
  const given = readOptions(value, 'tls options', ['psk']);
  if (given.get('psk') === undefined) invalid('tls needs a psk');
  if (trtype !== 'TCP') conflict(`tls needs the transport TCP; the transport id has ${trtype}`);
  return Object.freeze({ psk: readSecret(given.get('psk'), 'tls.psk', 'tls') });
}

function readSecret(value: unknown, name: string, kind: 'dhchap' | 'tls'): KeySource {
  if (KeySource.is(value)) return value.copy();
  if (isArrayBufferView(value)) {
    if (!isUint8Array(value)) {
      throw new SpdkTypeError(`${name} must be a Uint8Array, such as a Buffer, not another view`);
    }
    return KeySource.ofText(value, name, kind);
  }
  // Never `describe(value)`: the value may be the key.
  if (typeof value === 'string') {
    throw new SpdkTypeError(
      `${name} must not be a string, which cannot be wiped: pass a Buffer, { file } or { kernelKey }`,
    );
  }
  const given = readOptions(value, name, ['file', 'kernelKey']);
  const file = given.get('file');
  const kernelKey = given.get('kernelKey');
  if ((file === undefined) === (kernelKey === undefined)) {
    conflict(`${name} must have either file or kernelKey`);
  }
  const text = file ?? kernelKey;
  if (typeof text !== 'string') {
    throw new SpdkTypeError(
      `${name}.${file === undefined ? 'kernelKey' : 'file'} must be a string; got ${describe(text)}`,
    );
  }
  return file === undefined ? KeySource.ofKernel(text, name, kind) : KeySource.ofFile(text, name, kind);
}

function readNames<Name extends string>(
  value: unknown,
  name: string,
  ids: Readonly<Record<Name, number>>,
): readonly Name[] {
  const names = Object.keys(ids) as Name[];
  const chosen = listOf(value, name, names.length);
  if (chosen.length === 0) invalid(`${name} must not be empty: nothing could be negotiated`);
  return Object.freeze(chosen.map((choice) => checkOneOf(choice, `each of ${name}`, names)));
}

/** Reads an array once, so that the checked values are those that are used. */
function listOf(value: unknown, name: string, max: number): unknown[] {
  const list = listIn(value, name, max);
  if (!list) throw new SpdkTypeError(`${name} must be an array; got ${describe(value)}`);
  if (list.length > max) invalid(`${name} must have at most ${max} elements`);
  return list;
}
