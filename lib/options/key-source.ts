// One secret key: where its text is, and whether that is well-formed. The text is never shown.

import fs from 'node:fs';
import path from 'node:path';
import { inspect } from 'node:util';
import { crc32 } from 'node:zlib';
import { SpdkError } from '../errors/spdk-error.js';
import { describe } from './arguments.js';
import { invalid } from './common.js';

/** @internal The longest text of a key that SPDK reads (NVME_AUTH_CHAP_KEY_MAX_SIZE in lib/nvme/nvme_auth.c). */
export const maxKeyBytes = 256;
/** The longest description that the kernel accepts (KEY_MAX_DESC_SIZE in security/keys/keyctl.c). */
const maxDescriptionBytes = 4_095;
const checksumBytes = 4;
const colon = 0x3a;
const equalsSign = 0x3d;

/**
 * The formats (NVMe base specification, "DH-HMAC-CHAP Protocol", secret representation; NVMe TCP transport specification, "PSK
 * interchange format"): a prefix, the identifier of a hash in hexadecimal digits, and in base64 the key with its CRC-32. Each
 * identifier has the lengths in bytes that keys with it may have.
 */
const formats = {
  dhchap: { prefix: 'DHHC-1:', lengths: { '00': [32, 48, 64], '01': [32], '02': [48], '03': [64] } },
  tls: { prefix: 'NVMeTLSkey-1:', lengths: { '00': [32, 48], '01': [32], '02': [48] } },
} as const satisfies Record<string, { prefix: string; lengths: Record<string, readonly number[]> }>;

/** What a key is for. */
export type KeyKind = keyof typeof formats;

/** Reads a key of type `user` from the kernel's keyrings, by its description. Its errors name no content. */
export type ReadKernelKey = (description: string) => Uint8Array;

/** One key of an options object. */
export class KeySource {
  readonly #name: string;
  readonly #kind: KeyKind;
  readonly #source: { readonly file: string } | { readonly kernelKey: string } | undefined;
  /** A copy of the caller's bytes, if that is where the key came from. */
  readonly #text: Uint8Array | undefined;

  private constructor(
    name: string,
    kind: KeyKind,
    source: { file: string } | { kernelKey: string } | undefined,
    text?: Uint8Array,
  ) {
    this.#name = name;
    this.#kind = kind;
    this.#source = source;
    this.#text = text;
  }

  /** Whether a value is a KeySource. */
  static is(value: unknown): value is KeySource {
    return typeof value === 'object' && value !== null && #name in value;
  }

  /** @throws {SpdkError} ERR_SPDK_INVALID_KEY */
  static ofText(text: Uint8Array, name: string, kind: KeyKind): KeySource {
    checkLength(text.byteLength, name);
    // In memory of its own: a Buffer's would be shared with others.
    const copy = new Uint8Array(text);
    try {
      return new KeySource(name, kind, undefined, checkText(copy, name, kind));
    } catch (error) {
      copy.fill(0);
      throw error;
    }
  }

  /** @throws {SpdkError} ERR_SPDK_INVALID_ARG_VALUE for a path that is not absolute */
  static ofFile(file: string, name: string, kind: KeyKind): KeySource {
    if (!path.isAbsolute(file) || file.includes('\0')) {
      invalid(`${name}.file must be an absolute path; got ${describe(file)}`);
    }
    return new KeySource(name, kind, { file });
  }

  /** @throws {SpdkError} ERR_SPDK_INVALID_ARG_VALUE for a description that no key has */
  static ofKernel(kernelKey: string, name: string, kind: KeyKind): KeySource {
    const bytes = Buffer.byteLength(kernelKey);
    if (bytes === 0 || bytes > maxDescriptionBytes || kernelKey.includes('\0')) {
      invalid(
        `${name}.kernelKey must be the description of a key, 1 to ${maxDescriptionBytes} bytes without NUL`,
      );
    }
    return new KeySource(name, kind, { kernelKey });
  }

  /**
   * A copy of the key's text, which the caller wipes.
   * @throws {SpdkError} ERR_SPDK_INVALID_KEY if it cannot be read or is malformed
   */
  read(readKernelKey: ReadKernelKey): Uint8Array {
    if (!this.#source) return new Uint8Array(this.#text as Uint8Array);
    const text =
      'file' in this.#source
        ? readKeyFile(this.#source.file, this.#name)
        : readKernelKey(this.#source.kernelKey);
    try {
      checkLength(text.byteLength, this.#name);
      return checkText(text, this.#name, this.#kind);
    } catch (error) {
      text.fill(0);
      throw error;
    }
  }

  /** Returns a copy, whose bytes are wiped apart from these. */
  copy(): KeySource {
    return new KeySource(this.#name, this.#kind, this.#source, this.#text && new Uint8Array(this.#text));
  }

  /** Forgets the caller's bytes; {@link read} must not be called any more. */
  wipe(): void {
    this.#text?.fill(0);
  }

  toJSON(): string {
    return 'a secret key';
  }

  [inspect.custom](): string {
    return '[secret key]';
  }
}

/** Runs a function with copies of keys. If it throws, the copies are wiped. */
export function wipedIfThrown<Result>(
  sources: readonly (KeySource | undefined)[],
  work: () => Result,
): Result {
  try {
    return work();
  } catch (error) {
    for (const source of sources) source?.wipe();
    throw error;
  }
}

/** Reads a key from a regular file: a pipe could make the process wait indefinitely. */
function readKeyFile(file: string, name: string): Uint8Array {
  const fail = (why: string, cause?: unknown): never => {
    throw new SpdkError('ERR_SPDK_INVALID_KEY', `${name}: ${describe(file)} ${why}`, { cause });
  };
  let descriptor: number | undefined;
  try {
    descriptor = fs.openSync(file, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
    const stat = fs.fstatSync(descriptor);
    if (!stat.isFile()) fail('is not a regular file');
    if ((stat.mode & 0o077) !== 0) fail('can be read or written by others: use `chmod 600`');
    if (stat.size > maxKeyBytes) fail(`is longer than a key, which has at most ${maxKeyBytes} bytes`);
    const text = new Uint8Array(stat.size);
    const length = fs.readSync(descriptor, text);
    return text.subarray(0, length);
  } catch (error) {
    if (error instanceof SpdkError) throw error;
    return fail(`cannot be read: ${(error as NodeJS.ErrnoException).code}`, error);
  } finally {
    if (descriptor !== undefined) fs.closeSync(descriptor);
  }
}

function checkLength(bytes: number, name: string): void {
  if (bytes > 0 && bytes <= maxKeyBytes) return;
  throw new SpdkError(
    'ERR_SPDK_INVALID_KEY',
    `${name} must have 1 to ${maxKeyBytes} bytes of text; got ${bytes}`,
  );
}

/**
 * Checks what SPDK would check, which reports it in its log only, and after it has connected. Works on bytes alone: a string with
 * the key could not be wiped.
 * @returns the text without white space at its end
 */
function checkText(text: Uint8Array, name: string, kind: KeyKind): Uint8Array {
  const { prefix, lengths } = formats[kind];
  const fail = (why: string): never => {
    throw new SpdkError('ERR_SPDK_INVALID_KEY', `${name} ${why}`);
  };
  const malformed = () => fail(`must be text of the form ${prefix}hh:base64:`);
  let end = text.byteLength;
  while (end > 0 && isWhiteSpace(text[end - 1])) end--;
  const begin = prefix.length + 3;
  if (end <= begin || text[begin - 1] !== colon || text[end - 1] !== colon) return malformed();
  if (ascii(text.subarray(0, prefix.length)) !== prefix) return malformed();
  const hash = ascii(text.subarray(prefix.length, begin - 1));
  const allowed = (lengths as Record<string, readonly number[]>)[hash];
  if (!allowed) return fail(`must have one of the hashes ${Object.keys(lengths).join(', ')} after ${prefix}`);
  const decoded = decodeBase64(text.subarray(begin, end - 1));
  if (!decoded) return malformed();
  const length = Math.max(0, decoded.byteLength - checksumBytes);
  try {
    if (!allowed.includes(length)) {
      return fail(
        `must hold a key of ${allowed.join(' or ')} bytes with the hash ${hash}; it holds ${length}`,
      );
    }
    const checksum = new DataView(decoded.buffer).getUint32(length, true);
    if (crc32(decoded.subarray(0, length)) !== checksum) {
      return fail('has a wrong checksum: it was mistyped or cut off');
    }
  } finally {
    decoded.fill(0);
  }
  return text.subarray(0, end);
}

function isWhiteSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d;
}

/** Decodes the parts of a key's text that are no secret. */
function ascii(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const digits = new Map([...alphabet].map((digit, value) => [digit.charCodeAt(0), value]));

/** Decodes base64 with its padding; undefined for anything else. Node.js decodes strings only. */
function decodeBase64(text: Uint8Array): Uint8Array | undefined {
  if (text.byteLength % 4 !== 0) return undefined;
  let padding = 0;
  while (padding < 2 && text[text.byteLength - 1 - padding] === equalsSign) padding++;
  const decoded = new Uint8Array((text.byteLength / 4) * 3 - padding);
  let bits = 0;
  let at = 0;
  for (let index = 0; index < text.byteLength - padding; index++) {
    const value = digits.get(text[index] as number);
    if (value === undefined) {
      decoded.fill(0);
      return undefined;
    }
    bits = ((bits << 6) | value) & 0xfff_fff;
    const filled = ((index + 1) * 6) % 8;
    if (filled < 6) decoded[at++] = (bits >> filled) & 0xff;
  }
  return decoded;
}
