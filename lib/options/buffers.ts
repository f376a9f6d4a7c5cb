// The bytes of buffers that callers pass.

import { isTypedArray } from 'node:util/types';
import { SpdkError, SpdkTypeError } from '../errors/spdk-error.js';
import { checkInteger, describe, unreadable } from './arguments.js';

/**
 * The bytes of any view, without copying.
 * @throws {SpdkTypeError} not a view
 * @throws {SpdkError} ERR_SPDK_INVALID_BUFFER for an empty or detached one
 */
export function bytesOf(view: unknown, name: string): Uint8Array {
  if (!ArrayBuffer.isView(view))
    throw new SpdkTypeError(`${name} must be a Buffer, a TypedArray or a DataView`);
  // The length of bytes is read by an instruction, and that of any other view by calls, which throw for a detached DataView.
  const bytes = view instanceof Uint8Array ? view : plainBytesOf(view, name);
  if (bytes.length === 0) throw invalidBuffer(`${name} is empty or detached`);
  return bytes;
}

/** Like {@link bytesOf}, for a buffer to be written. */
export function writableBytesOf(view: unknown, name: string): Uint8Array {
  return checkWritable(bytesOf(view, name), name);
}

/** @throws {SpdkError} ERR_SPDK_INVALID_BUFFER for bytes that cannot be changed */
export function checkWritable(bytes: Uint8Array, name: string): Uint8Array {
  if ((bytes.buffer as { immutable?: boolean }).immutable) throw invalidBuffer(`${name} is not writable`);
  return bytes;
}

/** The maximum of buffers of one operation; a Linux system call allows 1024. */
const maxBuffers = 65_536;

/**
 * The bytes of several views. The array can be a proxy or have getters, which run any code, so all elements are read
 * before the first one is checked.
 * @param min how many views there must be
 */
export function allBytesOf(
  views: unknown,
  check: (view: unknown, name: string) => Uint8Array,
  min: 0 | 1 = 1,
): Uint8Array[] {
  let taken: unknown[] | undefined;
  try {
    if (Array.isArray(views)) {
      // An array with holes may claim billions, and so may a proxy of one.
      const count = checkInteger(views.length, 'the number of buffers', 0, maxBuffers);
      taken = Array.from({ length: count }, (_, i) => views[i] as unknown);
    }
  } catch (cause) {
    if (cause instanceof SpdkError) throw cause;
    throw unreadable('the buffers', cause);
  }
  if (!taken || taken.length < min) {
    throw new SpdkTypeError(`buffers must be an array of ${min === 0 ? 'buffers' : 'at least one buffer'}`);
  }
  return taken.map((view, i) => check(view, `buffers[${i}]`));
}

export function invalidBuffer(message: string): SpdkError {
  return new SpdkError('ERR_SPDK_INVALID_BUFFER', message);
}

/**
 * The bytes of a view, which may be empty, as a plain array of our own, because a subclass may misreport its bytes.
 * @throws {SpdkTypeError} not a view
 * @throws {SpdkError} ERR_SPDK_INVALID_BUFFER for one that has been detached, or that misreports its bytes
 */
export function plainBytesOf(view: unknown, name: string): Uint8Array {
  if (!ArrayBuffer.isView(view)) {
    throw new SpdkTypeError(`${name} must be a Buffer, a TypedArray or a DataView; got ${describe(view)}`);
  }
  try {
    const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    // A view whose memory has shrunk reports a length of 0, but cannot be iterated.
    if (bytes.length === 0 && isTypedArray(view)) Uint8Array.prototype.keys.call(view);
    return bytes;
  } catch {
    throw invalidBuffer(`${name} has been detached, or has other bounds than it says`);
  }
}
