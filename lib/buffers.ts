import { SpdkError, SpdkTypeError } from './errors.js';

/**
 * The bytes of any view, without copying.
 * @throws {SpdkTypeError} not a view
 * @throws {SpdkError} ERR_SPDK_INVALID_BUFFER for one that is empty or detached
 */
export function bytesOf(view: unknown, name: string): Uint8Array {
  if (!ArrayBuffer.isView(view))
    throw new SpdkTypeError(`${name} must be a Buffer, a TypedArray or a DataView`);
  if (view.byteLength === 0) throw invalidBuffer(`${name} is empty, or has been detached`);
  return view instanceof Uint8Array ? view : new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

/** As {@link bytesOf}, for what is to be read into. */
export function writableBytesOf(view: unknown, name: string): Uint8Array {
  const bytes = bytesOf(view, name);
  if ((bytes.buffer as { immutable?: boolean }).immutable) throw invalidBuffer(`${name} cannot be written`);
  return bytes;
}

/**
 * The bytes of several views. An array can be a proxy, or have getters, that run any code: so all are taken out of it
 * before the first is looked at.
 */
export function allBytesOf(views: unknown, check: (view: unknown, name: string) => Uint8Array): Uint8Array[] {
  let taken: unknown[] = [];
  try {
    if (Array.isArray(views)) taken = Array.from(views);
  } catch (cause) {
    throw new SpdkError('ERR_SPDK_INVALID_ARG_VALUE', 'Reading the buffers threw an error; see its cause', {
      cause,
    });
  }
  if (taken.length === 0) throw new SpdkTypeError('buffers must be an array of at least one buffer');
  return taken.map((view, i) => check(view, `buffers[${i}]`));
}

export function invalidBuffer(message: string): SpdkError {
  return new SpdkError('ERR_SPDK_INVALID_BUFFER', message);
}
