// One operation of the promise interface.

import type { SpdkError } from '../errors/spdk-error.js';
import { gather, type IoData } from './data.js';
import type { DmaMemory, DmaRegion } from './dma-memory.js';
import type { Ring, Segment } from './ring.js';

/** A raw command that has been checked. */
export interface CheckedRawCommand {
  readonly opcode: number;
  readonly dwords: readonly number[];
  readonly length: number;
}

/** The limits of an operation. */
export interface RequestLimits {
  readonly signal: AbortSignal | undefined;
  readonly timeoutMs: number | undefined;
}

/**
 * One operation of the promise interface, from the call to the last touch of its memory. Programs start a million of
 * them a second: so one object holds all there is to know of one, and every one has the same fields.
 *
 * It is sent as one command, or as several where its data is copied or the command has a limit of its own.
 */
export class IoRequest {
  /** For messages, as in 'Reading'. */
  readonly verb: string;
  readonly opcode: number;
  readonly nsid: number;
  /** The namespace's, see NativeNamespaceInfo. */
  readonly tag: number;
  readonly blockSize: number;
  /** The range in bytes. */
  readonly position: number;
  readonly length: number;
  readonly signal: AbortSignal | undefined;
  readonly timeoutMs: number | undefined;

  /** DMA memory of the caller's. */
  region: DmaRegion | undefined = undefined;
  offset = 0;
  segments: readonly Segment[] | undefined = undefined;
  /** The regions of the segments. */
  pinned: readonly DmaRegion[] | undefined = undefined;
  /** The caller's memory of any other kind: what is copied to DMA memory first ... */
  source: IoData | undefined = undefined;
  /** ... and where data is copied to from there. */
  target: IoData | undefined = undefined;
  raw: CheckedRawCommand | undefined = undefined;
  /** What the promise is fulfilled with; a raw command's is its result. */
  value: unknown = undefined;

  /** Bytes of all its commands but the last. */
  partBytes = 0;
  /** Commands that are not sent yet. */
  left = 1;
  /** The maximum of its outstanding commands. */
  window = 1;

  // The submission queue's.
  /** Bytes that have been sent. */
  sent = 0;
  /** Where in the range `source` begins. */
  sourceStart = 0;
  inFlight = 0;
  /** In the line of those that have something to send. */
  waiting = false;
  /** Its memory is pinned. */
  held = false;
  /** It is among the pending operations. */
  counted = false;
  /** The status of the first command that failed; else 0, and -1 before any command has ended. */
  status = -1;
  /** Why it failed, where no command did. */
  failure: SpdkError | undefined = undefined;
  resolve: (value: unknown) => void = ignore;
  reject: (error: unknown) => void = ignore;
  onAbort: (() => void) | undefined = undefined;
  timer: NodeJS.Timeout | undefined = undefined;
  settled = false;

  constructor(
    verb: string,
    opcode: number,
    namespace: { readonly id: number; readonly tag: number; readonly blockSize: number },
    position: number,
    length: number,
    limits: RequestLimits,
  ) {
    this.verb = verb;
    this.opcode = opcode;
    this.nsid = namespace.id;
    this.tag = namespace.tag;
    this.blockSize = namespace.blockSize;
    this.position = position;
    this.length = length;
    this.signal = limits.signal;
    this.timeoutMs = limits.timeoutMs;
    this.partBytes = length;
  }

  /** For messages, as in 'Reading 4096 bytes at 0'. */
  get what(): string {
    return this.length === 0 ? this.verb : `${this.verb} ${this.length} bytes at ${this.position}`;
  }

  /** Sends it as several commands of at most this many bytes. */
  split(partBytes: number, window: number): void {
    if (this.length <= partBytes) return;
    this.partBytes = partBytes;
    this.left = Math.ceil(this.length / partBytes);
    this.window = window;
  }

  /** The bytes of the command that begins at `sent`. */
  partAt(sent: number): number {
    return Math.min(this.partBytes, this.length - sent);
  }

  /** Bytes of data of the command that begins at `sent`. */
  dataAt(sent: number): number {
    return this.raw ? this.raw.length : this.partAt(sent);
  }

  /** Copies the data that was not sent: the caller may change the buffer from now on. Throws if no memory is left. */
  keepSource(): void {
    const { source, sent } = this;
    if (!source) return;
    const rest = source.byteLength - sent;
    const copy = Buffer.allocUnsafe(rest);
    gather(source, sent, rest, copy, 0);
    this.source = copy;
    this.sourceStart = sent;
  }

  /** Whether the caller's DMA memory has been released. */
  get released(): boolean {
    if (this.pinned) return this.pinned.some((region) => region.released);
    return this.region?.released ?? false;
  }

  /** The caller's DMA memory is in use from now on. */
  pin(memory: DmaMemory): void {
    if (this.pinned) for (const region of this.pinned) memory.pin(region);
    else if (this.region) memory.pin(this.region);
  }

  unpin(memory: DmaMemory): void {
    if (this.pinned) for (const region of this.pinned) memory.unpin(region);
    else if (this.region) memory.unpin(this.region);
  }
}

function ignore(): void {}

/** Describes the next command of a request in a slot of a ring, with its data at an offset of a region. */
export function describeCommand(
  ring: Ring,
  slot: number,
  request: IoRequest,
  region: DmaRegion | undefined,
  offset: number,
): void {
  const { raw, segments, nsid, tag, blockSize } = request;
  const id = region?.id ?? 0;
  if (raw) {
    ring.describeRaw(slot, raw.opcode, nsid, tag, raw.dwords, id, offset, raw.length);
    return;
  }
  const block = (request.position + request.sent) / blockSize;
  const blocks = request.partAt(request.sent) / blockSize;
  ring.describe(slot, request.opcode, nsid, tag, blockSize, block, blocks, id, offset, 0);
  if (segments) ring.describeSegments(slot, segments);
}
