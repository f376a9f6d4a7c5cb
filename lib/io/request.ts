// One operation of the promise interface. Longer than other files: each of its fields is set and cleared on the way of every operation.

import type { CommandFailure } from '../errors/command-status.js';
import { abortError, SpdkError } from '../errors/spdk-error.js';
import { eventLoop, setLimit } from '../internal/event-loop.js';
import { offAbort, onAbort } from '../internal/signals.js';
import { ioOpcodes } from '../native/ring-layout.js';
import { invalidBuffer } from '../options/buffers.js';
import { gather, type IoData } from './data.js';
import type { DmaMemory, DmaRegion } from './dma-memory.js';
import type { Attempted, RequestEnd } from './request-end.js';
import type { Ring, Segment } from './ring.js';

/** A raw command that has been checked. */
export interface CheckedRawCommand {
  readonly opcode: number;
  readonly dwords: readonly number[];
  readonly length: number;
  /** Whether it changes nothing: over several paths it may be sent again. */
  readonly repeatable?: boolean;
  /** Whether its result is dwords 0 and 1 of the completion, not dword 0 alone. */
  readonly longResult?: boolean;
}

/** The tags of protection information. */
export interface ProtectionTags {
  /** CDW14 for the first block, and whether it counts up from there. */
  readonly reference: number;
  readonly counts: boolean;
  /** CDW15: the application tag, and its mask. */
  readonly application: number;
}

/** What a timed-out or aborted operation does at the controller. */
export type OnTimeout = 'none' | 'abort' | 'reset';

/** The limits of an operation. */
export interface RequestLimits {
  readonly signal: AbortSignal | undefined;
  readonly timeoutMs: number | undefined;
  readonly onTimeout: OnTimeout | undefined;
}

/** The queue or the router that has a request, and ends it when a limit is reached. */
export interface RequestHolder {
  /** What the message of a timeout says about the request's commands: whether some are outstanding, and what it waited for if not. */
  timeoutHint(request: IoRequest): string;
  /** Settles the promise of a request with this error immediately, whatever is outstanding of it. */
  cancel(request: IoRequest, error: SpdkError): void;
}

/** A request that is sent over one of several paths; undefined in those of one controller. */
export interface RequestFailover {
  /** How often it was sent. */
  readonly attempts: number;
  /** What became of earlier attempts. */
  readonly attempted: Attempted;
  /** It was sent, or waits: its caller has no error to expect for a queue that is full. */
  readonly accepted: boolean;
  /**
   * Called when a queue did not carry it out and nothing of it is outstanding. True if it goes on over another path; otherwise
   * it ends with this failure: the status of its command, or why none was sent.
   */
  retry(failure: CommandFailure): boolean;
  /** Called when its promise is settled, and nothing is waited for any more. */
  settled(): void;
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
  /** The namespace's tag, see NativeNamespaceInfo. Each path has its own. */
  tag: number;
  /** Bytes of a block as its commands transfer it: with interleaved metadata, see {@link extend}. */
  blockSize: number;
  /** The range in bytes of data. */
  readonly position: number;
  readonly length: number;
  /** The range in bytes that are transferred; the same without metadata. */
  transferStart: number;
  transferBytes: number;
  readonly signal: AbortSignal | undefined;
  readonly timeoutMs: number | undefined;
  readonly onTimeout: OnTimeout | undefined;

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
  /** Flags of CDW12: Force Unit Access, Limited Retry, and how protection information is made and checked. */
  flags = 0;
  /** The tags for making and checking protection information. */
  tags: ProtectionTags | undefined = undefined;
  /** Bytes of data where these are not those of the range; else 0. */
  dataBytes = 0;
  /** What the promise is fulfilled with; for a raw command its result instead. */
  value: unknown = undefined;
  /** Whether `source` is the package's own copy, which nothing changes. */
  kept = false;
  failover: RequestFailover | undefined = undefined;
  holder: RequestHolder = noHolder;

  /** Bytes of all its commands but the last. */
  partBytes = 0;
  /** Commands that are not sent yet. */
  left = 1;
  /** The maximum of its outstanding commands. */
  window = 1;

  // For the submission queue.
  /** Bytes that have been sent. */
  sent = 0;
  /** Where in the range `source` begins. */
  sourceStart = 0;
  inFlight = 0;
  /** The slot of the command that was sent last. */
  slot = -1;
  /** The wait queue in which it waits to send something, if it does. */
  waitsIn: object | undefined = undefined;
  /** Whether its memory is pinned. */
  held = false;
  /** Whether it counts as a pending operation. */
  counted = false;
  /** Whether its caller no longer waits for it, while it is among the pending ones of its queue. */
  abandoned = false;
  /** The status of the first command that failed; else 0, and -1 before any command has ended. */
  status = -1;
  /** Why it failed, where no command did. */
  failure: SpdkError | undefined = undefined;
  resolve: (value: unknown) => void = ignore;
  reject: (error: unknown) => void = ignore;
  onAbort: (() => void) | undefined = undefined;
  timer: NodeJS.Timeout | undefined = undefined;
  /** How it is being ended at the controller, after it timed out or was aborted. */
  ending: RequestEnd | undefined = undefined;
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
    this.transferStart = position;
    this.transferBytes = length;
    this.signal = limits.signal;
    this.timeoutMs = limits.timeoutMs;
    this.onTimeout = limits.onTimeout;
    this.partBytes = length;
  }

  /** The promise that `resolve` and `reject` settle from now on. Called once. */
  promise<Value>(): Promise<Value> {
    promised = this;
    return new Promise<unknown>(receive) as Promise<Value>;
  }

  /** For messages, as in 'Reading 4096 bytes at 0'. */
  get what(): string {
    return this.length === 0 ? this.verb : `${this.verb} ${this.length} bytes at ${this.position}`;
  }

  /** Whether later operations read what it writes. A raw command has a range if this package knows that it changes that. */
  get changesData(): boolean {
    return changing.has(this.opcode) || (this.raw !== undefined && this.length > 0);
  }

  /** Whether it must not be sent twice. */
  get once(): boolean {
    return this.raw ? !this.raw.repeatable : this.opcode === ioOpcodes.compareAndWrite;
  }

  /** Whether it has one command, which has not been sent. */
  get unsent(): boolean {
    return this.left === 1 && this.sent === 0 && this.inFlight === 0;
  }

  /** Bytes of data of the one command that it has to be; 0 where native code splits what is too long. */
  get wholeBytes(): number {
    if (this.raw) return this.raw.length;
    return this.opcode === ioOpcodes.compareAndWrite ? this.length : 0;
  }

  /** Has its blocks transferred with their metadata, in this size each. Called before split(). */
  extend(blockSize: number): void {
    this.transferStart = (this.position / this.blockSize) * blockSize;
    this.transferBytes = (this.length / this.blockSize) * blockSize;
    this.blockSize = blockSize;
    this.partBytes = this.transferBytes;
  }

  /** Sends it as several commands of at most this many bytes. */
  split(partBytes: number, window: number): void {
    if (this.transferBytes <= partBytes) return;
    this.partBytes = partBytes;
    this.left = Math.ceil(this.transferBytes / partBytes);
    this.window = window;
  }

  /** The bytes of the command that begins at `sent`. */
  partAt(sent: number): number {
    return Math.min(this.partBytes, this.transferBytes - sent);
  }

  /** Bytes of data of the command that begins at `sent`. */
  dataAt(sent: number): number {
    return this.raw ? this.raw.length : this.dataBytes || this.partAt(sent);
  }

  /**
   * Starts its time limit and pins its memory.
   * @returns false if its limits have ended it already
   * @throws {SpdkError} ERR_SPDK_INVALID_ARG_VALUE for an object that is not a signal and throws
   */
  start(holder: RequestHolder, memory: DmaMemory): boolean {
    // Closures are made elsewhere: V8 allocates for them when a function begins, also where it makes none.
    this.holder = holder;
    if (this.signal && !this.#heed(this.signal)) return false;
    if (this.timeoutMs !== undefined) this.#limit(this.timeoutMs);
    this.pin(memory);
    this.held = true;
    return true;
  }

  /** Listens to the signal. False if the signal has ended the request. */
  #heed(signal: AbortSignal): boolean {
    this.onAbort = () => this.holder.cancel(this, abortError(this.what, signal));
    onAbort(signal, this.onAbort);
    // The methods of an object that only looks like a signal may have run any code.
    if (this.released) this.holder.cancel(this, invalidBuffer('The buffer has been released'));
    return !this.settled;
  }

  #limit(timeoutMs: number): void {
    this.timer = setLimit(() => {
      if (!this.settled) this.holder.cancel(this, this.#timeoutError());
    }, timeoutMs);
  }

  /** Marks the promise as settled. False if it already was. */
  settle(): boolean {
    if (this.settled) return false;
    this.settled = true;
    if (this.timer) eventLoop.clearTimeout(this.timer);
    if (this.onAbort && this.signal) offAbort(this.signal, this.onAbort);
    // While its commands are being ended at the controller, later writes of its blocks wait.
    if (this.failover && !this.ending) this.failover.settled();
    return true;
  }

  /** Rejects it when its commands have ended, or are no longer waited for. */
  endAtController(error: SpdkError): void {
    this.reject(error);
    this.failover?.settled();
  }

  /** Unpins its memory, which is no longer used. */
  letGo(memory: DmaMemory): void {
    if (!this.held) return;
    this.held = false;
    this.unpin(memory);
  }

  /** Makes it a request that was not sent. Its source must be kept. */
  rewind(): void {
    this.left = this.transferBytes === 0 ? 1 : Math.ceil(this.transferBytes / this.partBytes);
    this.sent = 0;
    this.status = -1;
    this.failure = undefined;
  }

  /**
   * Copies the data that was not sent: the caller may change the buffer from now on.
   * @throws {SpdkError} ERR_SPDK_NO_MEMORY
   */
  keepSource(): void {
    const { source, sent } = this;
    if (!source || this.kept) return;
    const rest = source.byteLength - sent;
    this.#keep(rest, (copy) => gather(source, sent, rest, copy, 0));
    this.sourceStart = sent;
  }

  /** As {@link keepSource}, from the memory of its only command, which was sent. */
  keepSent(memory: Uint8Array, offset: number): void {
    if (!this.source || this.kept) return;
    // What was sent: a source that was detached or shrunk since has other bytes.
    const bytes = this.dataAt(0);
    this.#keep(bytes, (copy) => copy.set(memory.subarray(offset, offset + bytes)));
  }

  #keep(bytes: number, fill: (copy: Uint8Array) => void): void {
    try {
      const copy = Buffer.allocUnsafe(bytes);
      fill(copy);
      this.source = copy;
      this.kept = true;
    } catch (cause) {
      const message = `${this.what}: there is no memory for the data until it is sent`;
      throw new SpdkError('ERR_SPDK_NO_MEMORY', message, { cause });
    }
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

  #timeoutError(): SpdkError {
    const attempts = this.failover?.attempts ?? 1;
    const over = attempts > 1 ? ` on ${attempts} paths, one after the other` : '';
    const message = `${this.what} took more than ${this.timeoutMs} ms${over}. ${this.holder.timeoutHint(this)}`;
    return new SpdkError('ERR_SPDK_TIMEOUT', message);
  }
}

const changing: ReadonlySet<number> = new Set([
  ioOpcodes.write,
  ioOpcodes.writeUncorrectable,
  ioOpcodes.writeZeroes,
  ioOpcodes.deallocate,
  ioOpcodes.compareAndWrite,
]);

function ignore(): void {}

/** The request that a promise is being made for. */
let promised: IoRequest | undefined;
/** One function for all promises: a closure for each would be made a million times a second. */
function receive(resolve: (value: unknown) => void, reject: (error: unknown) => void): void {
  const request = promised as IoRequest;
  promised = undefined;
  request.resolve = resolve;
  request.reject = reject;
}

const noHolder: RequestHolder = { timeoutHint: () => '', cancel: ignore };

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
  const block = (request.transferStart + request.sent) / blockSize;
  const blocks = request.partAt(request.sent) / blockSize;
  ring.describe(slot, request.opcode, nsid, tag, blockSize, block, blocks, id, offset, request.flags);
  if (segments) ring.describeSegments(slot, segments);
  if (request.tags) {
    const { reference, counts, application } = request.tags;
    ring.describeTags(slot, reference + (counts ? request.sent / blockSize : 0), application);
  }
}
