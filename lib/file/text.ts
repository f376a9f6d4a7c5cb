// The text of a file, which may be longer than a string can be.

import { constants } from 'node:buffer';
import { SpdkError } from '../errors/spdk-error.js';

/** How many characters a byte becomes, at least. */
const charactersOfByte: Readonly<Record<BufferEncoding, number>> = {
  ...{ hex: 2, base64: 4 / 3, base64url: 4 / 3, latin1: 1, binary: 1, ascii: 1 },
  ...{ utf16le: 1 / 2, 'utf-16le': 1 / 2, ucs2: 1 / 2, 'ucs-2': 1 / 2 },
  // Three bytes can be one character.
  ...{ utf8: 1 / 3, 'utf-8': 1 / 3 },
};

/**
 * Rejects what will certainly be too long, before anything is read.
 * @throws {SpdkError} ERR_SPDK_NO_MEMORY
 */
export function checkTextLength(bytes: number, encoding: BufferEncoding): void {
  if (Math.floor(bytes * charactersOfByte[encoding]) > constants.MAX_STRING_LENGTH) throw tooLong(bytes);
}

/** @throws {SpdkError} ERR_SPDK_NO_MEMORY */
export function textOf(buffer: Buffer, encoding: BufferEncoding): string {
  try {
    return buffer.toString(encoding);
  } catch (cause) {
    throw tooLong(buffer.byteLength, { cause });
  }
}

function tooLong(bytes: number, details?: { readonly cause: unknown }): SpdkError {
  const what = `The text of ${bytes} bytes is longer than a string can be; read it in parts`;
  return new SpdkError('ERR_SPDK_NO_MEMORY', what, details);
}
