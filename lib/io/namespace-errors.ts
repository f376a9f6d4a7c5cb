// Why an operation on a namespace is rejected before anything is sent.

import { SpdkError } from '../errors/spdk-error.js';
import { native } from '../native/addon.js';
import type { NamespaceInfo, SupportedCommands } from '../types.js';

export function goneError({ id }: NamespaceInfo): SpdkError {
  return new SpdkError(
    'ERR_SPDK_NAMESPACE_GONE',
    `Namespace ${id} is gone or has changed; see controller.namespaces`,
  );
}

function unalignedError({ blockSize }: NamespaceInfo, offset: number, length: number): SpdkError {
  return new SpdkError(
    'ERR_SPDK_UNALIGNED',
    `offset (${offset}) and length (${length}) must be multiples of the block size, ${blockSize} bytes`,
  );
}

function outOfRangeError({ blocks, blockSize }: NamespaceInfo, offset: number, length: number): SpdkError {
  return new SpdkError(
    'ERR_SPDK_OUT_OF_RANGE',
    `${length} bytes at ${offset} extend past the end of the namespace, which has ${blocks * blockSize} bytes`,
  );
}

/**
 * The first block of a range.
 * @throws {SpdkError} ERR_SPDK_UNALIGNED, ERR_SPDK_OUT_OF_RANGE
 */
export function checkRange(
  namespace: NamespaceInfo & { readonly bytes: number },
  offset: number,
  length: number,
): number {
  const { blockSize, bytes } = namespace;
  // The remainder of a number beyond 2^31 is a call into the C library, which takes longer than the rest.
  const block = Math.floor(offset / blockSize);
  if (block * blockSize !== offset || length % blockSize !== 0)
    throw unalignedError(namespace, offset, length);
  if (!(offset >= 0 && length >= 0 && offset + length <= bytes)) {
    throw outOfRangeError(namespace, offset, length);
  }
  return block;
}

/** The error of an operation that cannot be carried out without metadata. */
export function metadataError({ id, metadataSize, metadata }: NamespaceInfo): SpdkError {
  return new SpdkError(
    'ERR_SPDK_UNSUPPORTED',
    `A block of namespace ${id} has ${metadataSize} bytes of ${metadata} metadata, which this operation does not transfer`,
  );
}

/** @param has what the namespace has, as in 'no metadata' */
export function unsupportedMetadataError({ id }: NamespaceInfo, has: string): SpdkError {
  return new SpdkError(
    'ERR_SPDK_UNSUPPORTED',
    `Namespace ${id} has ${has}, which this operation does not work with`,
  );
}

/** The error of a command that the controller, or the linked SPDK, does not have. */
export function unsupportedError(command: keyof SupportedCommands, name: string): SpdkError {
  const { text, firstWithVerify } = native().version;
  const why =
    command === 'verify' && firstWithVerify !== ''
      ? `${text}, which the addon was built with, cannot send ${name}; ${firstWithVerify} and later can`
      : `The controller does not support ${name}`;
  return new SpdkError('ERR_SPDK_UNSUPPORTED', why);
}
