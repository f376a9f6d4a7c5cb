// Reads the keys of an attach for native code, which copies them, and wipes what was read.

import { isUint8Array } from 'node:util/types';
import { errnoName, SpdkError } from '../errors/spdk-error.js';
import { native } from '../native/addon.js';
import type { NativeKeys } from '../native/contract.js';
import { type KeySource, maxKeyBytes } from '../options/key-source.js';
import { type AttachKeys, digestIds, groupIds, sourcesOf } from '../options/keys.js';

/**
 * Runs something with the text of the keys.
 * @throws {SpdkError} ERR_SPDK_INVALID_KEY if one cannot be read or is malformed; and what `use` throws
 */
export function withKeys<Result>({ dhchap, tls }: AttachKeys, use: (keys: NativeKeys) => Result): Result {
  const texts: Uint8Array[] = [];
  const read = (source: KeySource | undefined): Uint8Array => {
    const text = source?.read(readKernelKey) ?? new Uint8Array(0);
    texts.push(text);
    return text;
  };
  try {
    return use({
      dhchapKey: read(dhchap?.key),
      dhchapControllerKey: read(dhchap?.controllerKey),
      tlsPsk: read(tls?.psk),
      dhchapDigests: bitsOf(dhchap?.digests, digestIds),
      dhchapGroups: bitsOf(dhchap?.groups, groupIds),
    });
  } finally {
    for (const text of texts) text.fill(0);
  }
}

/** Wipes the copies of a caller's buffers: the keys cannot be used any more. */
export function wipeKeys(keys: AttachKeys): void {
  for (const source of sourcesOf(keys)) source.wipe();
}

/** SPDK's masks have a bit for each identifier; 0 is all that SPDK has. */
function bitsOf<Name extends string>(
  names: readonly Name[] | undefined,
  ids: Readonly<Record<Name, number>>,
): number {
  return (names ?? []).reduce((bits, name) => bits | (1 << ids[name]), 0);
}

function readKernelKey(description: string): Uint8Array {
  const content = native().readKernelKey({ description, maxBytes: maxKeyBytes });
  if (isUint8Array(content)) return content;
  throw new SpdkError(
    'ERR_SPDK_INVALID_KEY',
    `The kernel key ${JSON.stringify(description)} cannot be read: ${errnoName(content)}. Add it with \`keyctl padd user\`, for the user and session of this process`,
  );
}
