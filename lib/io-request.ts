import type { BounceChunk } from './bounce-pool.js';
import type { DmaMemory, DmaRegion } from './dma-memory.js';
import { SpdkError } from './errors.js';
import { nvmeStatus } from './nvme-status.js';
import type { QueuePair } from './queue-pair.js';
import type { Ring, Segment } from './ring.js';

/** What a raw command is made of. */
export interface RawCommand {
  readonly opcode: number;
  readonly dwords: readonly number[];
  readonly length: number;
}

/** A part of a vectored read, and how long it was when the read began. */
export interface Place {
  readonly part: Uint8Array;
  readonly length: number;
}

/**
 * One operation of the promise interface, from the call to the last touch of its memory. Programs start a million of
 * them a second: so one object holds all there is to know of one, and every one has the same fields.
 */
export class IoRequest {
  readonly queuePair: QueuePair;
  /** For messages, as in 'Reading'. */
  readonly verb: string;
  readonly operation: number;
  readonly nsid: number;
  readonly blockSize: number;
  /** The range in bytes. */
  readonly position: number;
  readonly length: number;
  readonly flags = 0;
  readonly signal: AbortSignal | undefined;
  readonly timeoutMs: number | undefined;

  /** DMA memory of the caller's, or the chunk's. */
  region: DmaRegion | undefined = undefined;
  offset = 0;
  segments: readonly Segment[] | undefined = undefined;
  /** The regions of the segments. */
  pinned: readonly DmaRegion[] | undefined = undefined;
  /** What data is copied through. */
  chunk: BounceChunk | undefined = undefined;
  /** Where data that came through the chunk goes. */
  places: readonly Place[] | undefined = undefined;
  raw: RawCommand | undefined = undefined;
  /** What the promise is fulfilled with; a raw command's is its result. */
  value: unknown = undefined;

  // The queue pair's.
  resolve: (value: unknown) => void = nobody;
  reject: (error: unknown) => void = nobody;
  onAbort: (() => void) | undefined = undefined;
  timer: NodeJS.Timeout | undefined = undefined;
  settled = false;

  constructor(
    verb: string,
    operation: number,
    namespace: { readonly id: number; readonly blockSize: number },
    position: number,
    length: number,
    limits: IoLimits,
  ) {
    this.queuePair = limits.queuePair;
    this.verb = verb;
    this.operation = operation;
    this.nsid = namespace.id;
    this.blockSize = namespace.blockSize;
    this.position = position;
    this.length = length;
    this.signal = limits.signal;
    this.timeoutMs = limits.timeoutMs;
  }

  /** For messages, as in 'Reading 4096 bytes at 0'. */
  get what(): string {
    return this.length === 0 ? this.verb : `${this.verb} ${this.length} bytes at ${this.position}`;
  }

  /** Copies what was read to where the caller wants it; throws when that place is gone. */
  deliver(result: number): unknown {
    const { places, chunk } = this;
    if (places && chunk) {
      let at = chunk.offset;
      for (const { part, length } of places) {
        part.set(chunk.region.bytes.subarray(at, at + length));
        at += length;
      }
    }
    return this.raw ? result : this.value;
  }

  /** The memory is in use from now on. */
  pin(memory: DmaMemory): void {
    if (this.pinned) for (const region of this.pinned) memory.pin(region);
    else if (this.region && !this.chunk) memory.pin(this.region);
  }

  unpin(memory: DmaMemory): void {
    if (this.pinned) for (const region of this.pinned) memory.unpin(region);
    else if (this.region && !this.chunk) memory.unpin(this.region);
  }
}

/** Which queue pair an operation uses, and its limits. */
export interface IoLimits {
  readonly queuePair: QueuePair;
  readonly signal: AbortSignal | undefined;
  readonly timeoutMs: number | undefined;
}

function nobody(): void {}

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
    request.position / request.blockSize,
    request.length / request.blockSize,
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
