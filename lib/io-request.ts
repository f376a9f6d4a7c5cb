import type { BounceChunk } from './bounce-pool.js';
import type { DmaRegion } from './dma-memory.js';
import { SpdkError } from './errors.js';
import { nvmeStatus } from './nvme-status.js';
import type { Ring, Segment } from './ring.js';

/** The limits of one operation. */
export interface IoLimits {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
}

/** What a raw command is made of. */
export interface RawCommand {
  readonly opcode: number;
  readonly dwords: readonly number[];
  readonly length: number;
}

/** One operation of the promise interface, from the call to the last touch of its memory. */
export interface IoRequest extends IoLimits {
  /** For messages, as in 'Reading 4096 bytes at 0'. */
  readonly what: string;
  readonly operation: number;
  readonly nsid: number;
  readonly blockSize: number;
  readonly block: number;
  readonly blocks: number;
  readonly flags: number;
  /** DMA memory of the caller's, or a bounce chunk's. */
  readonly region: DmaRegion | undefined;
  readonly offset: number;
  readonly segments: readonly Segment[] | undefined;
  readonly raw: RawCommand | undefined;
  readonly pinned: readonly DmaRegion[];
  readonly chunk: BounceChunk | undefined;
  /** Copies what was read to where the caller wants it; may throw when that place is gone. */
  readonly deliver: ((result: number) => unknown) | undefined;
}

/** Describes a request in a slot of a ring. */
export function describeRequest(ring: Ring, slot: number, request: IoRequest): void {
  const { raw, segments } = request;
  const region = request.region?.id ?? 0;
  if (raw) {
    ring.describeRaw(slot, raw.opcode, request.nsid, raw.dwords, region, request.offset, raw.length);
    return;
  }
  ring.describe(
    slot,
    request.operation,
    request.nsid,
    request.blockSize,
    request.block,
    request.blocks,
    region,
    request.offset,
    request.flags,
  );
  if (segments) ring.describeSegments(slot, segments);
}

/** A status word with this bit carries an errno of this host (native/core/io_ring.h). */
const hostError = 0x8000_0000;
/** Generic statuses "Command Abort Requested" and "Command Aborted due to SQ Deletion", by release. */
const abortedStatuses = [0x07, 0x08];

/** Whether a command ended because its queue pair went away. */
export function isAborted(word: number): boolean {
  return abortedStatuses.includes(word & 0x7ff);
}

/** The errnos of native/core/io_ring.cc that mean something particular. */
const hostErrors: Readonly<Record<number, SpdkError['code']>> = {
  6: 'ERR_SPDK_CONTROLLER_FAILED', // ENXIO: the queue pair has lost its connection
  14: 'ERR_SPDK_INVALID_BUFFER', // EFAULT
  19: 'ERR_SPDK_NAMESPACE_GONE', // ENODEV
  34: 'ERR_SPDK_OUT_OF_RANGE', // ERANGE
  95: 'ERR_SPDK_UNSUPPORTED', // ENOTSUP
};

/** The error of a command that ended with a status other than zero. */
export function statusError(what: string, word: number): SpdkError {
  if (word >= hostError) {
    const errno = word - hostError;
    return new SpdkError(
      hostErrors[errno] ?? 'ERR_SPDK_IO_FAILED',
      `${what} could not be sent to the controller`,
      {
        errno,
      },
    );
  }
  const status = nvmeStatus((word >> 8) & 0x7, word & 0xff, (word & 0x800) !== 0);
  return new SpdkError('ERR_SPDK_IO_FAILED', `${what} failed: ${status.name}`, { nvmeStatus: status });
}
