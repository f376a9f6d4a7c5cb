// The keys of a subsystem in memory, and whether a host has the same.

import type { NativeFailure } from '../errors/spdk-error.js';
import type { NativeKeys } from '../native/contract.js';

/** The keys of a subsystem in memory, each the text of a key. Nothing is computed: they are compared. */
export interface MemoryKeys {
  /** What hosts authenticate with: `dhchap.key` of their attach. */
  readonly dhchapKey?: string | undefined;
  /** What the subsystem authenticates with, if a host asks: `dhchap.controllerKey` of its attach. */
  readonly dhchapControllerKey?: string | undefined;
  /** What encrypts connections: `tls.psk` of a host's attach. */
  readonly tlsPsk?: string | undefined;
}

/** Copies the keys that a host attaches with: the caller wipes what it has passed. */
export function hostKeys({ dhchapKey, dhchapControllerKey, tlsPsk }: NativeKeys): MemoryKeys {
  const text = (key: Uint8Array) => (key.byteLength === 0 ? undefined : Buffer.from(key).toString('latin1'));
  return {
    dhchapKey: text(dhchapKey),
    dhchapControllerKey: text(dhchapControllerKey),
    tlsPsk: text(tlsPsk),
  };
}

/** Returns why a connection cannot be made with these keys; null if it can. */
export function keyFailure(host: MemoryKeys, subsystem: MemoryKeys): NativeFailure | null {
  const failure = (message: string) => ({ code: 'ERR_SPDK_AUTHENTICATION_FAILED', message });
  if (host.tlsPsk !== subsystem.tlsPsk) return failure('the TLS handshake with the target failed');
  if (subsystem.dhchapKey !== undefined && host.dhchapKey === undefined) {
    return failure('the controller asks for authentication: attach with a dhchap key');
  }
  const hostProves = subsystem.dhchapKey === undefined || subsystem.dhchapKey === host.dhchapKey;
  const controllerProves =
    host.dhchapControllerKey === undefined || host.dhchapControllerKey === subsystem.dhchapControllerKey;
  return hostProves && controllerProves
    ? null
    : failure('host and controller could not authenticate each other');
}
