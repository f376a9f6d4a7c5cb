// Commands without promises. Longer than other files: half of it documents public methods, and the rest is one state
// machine over the slots of a ring, each step of which runs for every command.

import { errorOfStatus, isAborted } from './errors/command-status.js';
import { SpdkError } from './errors/spdk-error.js';
import { dispose } from './internal/disposal.js';
import { eventLoop } from './internal/event-loop.js';
import { leavable } from './internal/leavable.js';
import {
  type BatchCommand,
  type BatchCompletion,
  type BatchTransfer,
  completionOf,
  readBatchCommand,
  readBatchTransfer,
} from './io/batch-command.js';
import { BatchWaiters, type BatchWaitOptions, waitLimits } from './io/batch-waiters.js';
import { spinTimeUs } from './io/completion-loop.js';
import { type DmaBuffer, type DmaMemory, type DmaRegion, regionOf } from './io/dma-memory.js';
import type { CompletionSink } from './io/ring.js';
import type { SubmissionQueue } from './io/submission-queue.js';
import { Namespace } from './namespace.js';
import { ioOpcodes } from './native/ring-layout.js';
import { checkBoolean, checkInteger, notOne, readOptions } from './options/arguments.js';
import { bytesOf } from './options/buffers.js';
import { or } from './options/common.js';
import { SubsystemNamespace } from './subsystem-namespace.js';

/** @internal What a batch needs of its queue pair. */
export interface BatchHooks {
  /** Whether the namespace belongs to the queue pair's controller. */
  readonly owns: (namespace: Namespace) => boolean;
  /** The error for new commands; undefined if the controller accepts them. */
  readonly rejection: () => SpdkError | undefined;
  readonly closed: () => void;
}

/** Options of `batch.close`. */
export interface BatchCloseOptions {
  /** Closes it even if commands are outstanding; their results are dropped. Default false. */
  readonly discard?: boolean | undefined;
}

/**
 * | state    | describing, `submit()`          | `reap()`, `wait()`                               | `close()`                        |
 * | -------- | ------------------------------- | ------------------------------------------------ | -------------------------------- |
 * | `open`   | unless the controller rejects it | yes                                              | `closed`, if nothing is outstanding or it is discarded |
 * | `ended`  | throw why                       | what has completed, then throw why; `reap()` only if more is outstanding | `closed` |
 * | `closed` | throw ERR_SPDK_QUEUE_IN_USE     | throw ERR_SPDK_QUEUE_IN_USE                      | nothing                          |
 *
 * The queue pair ends an `open` batch, and one that has `ended`, for another reason.
 */
type BatchState = 'open' | 'ended' | 'closed';

const largestTag = 0xffff_ffff;
/** A value that no caller can pass. */
const noNamespace = Symbol('no namespace');
const noBytes = new Uint8Array(0);
/** After this many calls of `wait()` that resolved immediately, the next one lets the event loop turn. */
const maxAtOnce = 64;

/**
 * Commands without promises, for programs that need the lowest latency: one `submit()` sends any number of them, one
 * `reap()` collects their completions, and no objects are allocated. A batch reserves its queue pair.
 *
 *     while (batch.read(ns, buffer, at, offset, 4096, tag)) { … }   // false: the queue is full
 *     batch.submit();
 *     const count = await batch.wait();
 *     for (let i = 0; i < count; i++) use(batch.tags[i], batch.error(i));
 *
 * Data is in memory of `env.allocate()`. A status is 0 for success; `statusError()` converts others to an error.
 */
export class Batch implements Disposable, AsyncIterable<BatchCompletion> {
  /** The maximum number of outstanding commands. */
  readonly capacity: number;
  /** The tags of the commands that the last `reap()` or `wait()` collected. */
  readonly tags: Uint32Array;
  /** The statuses of these commands, in the same order. */
  readonly statuses: Uint32Array;
  readonly #queue: SubmissionQueue;
  readonly #hooks: BatchHooks;
  readonly #waiters: BatchWaiters;
  readonly #tagBySlot: Uint32Array;
  readonly #regionBySlot: (DmaRegion | undefined)[];
  /** When a slot's command was sent, if it has a time limit; 0: no command. */
  readonly #sentAt: Float64Array | undefined;
  readonly #unsentSlots: number[] = [];
  /** What loops over completions have collected and not given: tag, status, tag, … */
  readonly #collected: number[] = [];
  /** The namespace of the last command, which most of the next are for, too: it is checked once. */
  #namespace: unknown = noNamespace;
  /** The buffer of the last transfer, its bytes, where they begin in their region, and the region. */
  #buffer: DmaBuffer | undefined;
  #bytes: Uint8Array = noBytes;
  #start = 0;
  #region: DmaRegion | undefined;
  /** Slots with a described or sent command. */
  readonly #used: Uint8Array;
  #described = 0;
  #sent = 0;
  #reaped = 0;
  /** Tag, status, tag, … of commands that completed outside `reap()` and `wait()`. */
  #kept: number[] = [];
  /** Completions go there, so that the arrays stay what the last `reap()` or `wait()` left. */
  readonly #keeper: CompletionSink = {
    complete: (slot, status, result) => {
      if (this.#passOn(slot, status, result)) return;
      this.#kept.push(this.#tagBySlot[slot] as number, status);
      this.#count(slot, status);
    },
  };
  /** `unread`: they have completions for a call of `wait()` that has not read them yet, so nothing may replace them. */
  #arrays: 'free' | 'unread' = 'free';
  /** Calls `wake()` in the next turn of the event loop. */
  #wakeTimer: NodeJS.Immediate | undefined;
  #state: BatchState = 'open';
  /** Why it ended. */
  #reason: SpdkError | undefined;

  private constructor(queue: SubmissionQueue, hooks: BatchHooks) {
    const { capacity } = queue.ring;
    const { timeoutMs } = queue.limits;
    this.#queue = queue;
    this.#hooks = hooks;
    this.capacity = capacity;
    this.tags = new Uint32Array(capacity);
    this.statuses = new Uint32Array(capacity);
    this.#tagBySlot = new Uint32Array(capacity);
    this.#regionBySlot = new Array<DmaRegion | undefined>(capacity).fill(undefined);
    this.#used = new Uint8Array(capacity);
    this.#sentAt = timeoutMs === undefined ? undefined : new Float64Array(capacity);
    this.#waiters = new BatchWaiters(
      timeoutMs,
      () => this.#deadline(),
      () => queue.batchAwaits(false),
    );
  }

  /** @internal */
  static create(queue: SubmissionQueue, hooks: BatchHooks): Batch {
    return new Batch(queue, hooks);
  }

  /** Commands that are described and not reaped yet. */
  get outstanding(): number {
    return this.#described + this.#sent + this.#kept.length / 2;
  }

  /**
   * As the form below, with names, and with `fua` and `limitedRetry`; `bufferOffset` and `tag` default to 0, `length` to the
   * rest of the buffer.
   */
  read(command: BatchTransfer<Namespace>): boolean;
  /**
   * Describes a read of `length` bytes at `offset` of the namespace, into the buffer from `bufferOffset` on.
   * @param tag an integer from 0 to 4294967295 that is returned with the completion
   * @returns false if the queue is full: submit and reap first
   * @throws {SpdkError} ERR_SPDK_UNALIGNED, ERR_SPDK_OUT_OF_RANGE, ERR_SPDK_INVALID_BUFFER, ERR_SPDK_INVALID_ARG_VALUE,
   *   ERR_SPDK_FOREIGN_NAMESPACE, ERR_SPDK_NAMESPACE_GONE, ERR_SPDK_QUEUE_IN_USE if the batch is closed, or the
   *   code of the controller's state
   */
  read(
    namespace: Namespace,
    buffer: DmaBuffer,
    bufferOffset: number,
    offset: number,
    length: number,
    tag: number,
  ): boolean;
  read(
    first: Namespace | BatchTransfer<Namespace>,
    buffer?: DmaBuffer,
    bufferOffset = Number.NaN,
    offset = Number.NaN,
    length = Number.NaN,
    tag = Number.NaN,
  ): boolean {
    if (buffer === undefined) return this.#named(ioOpcodes.read, first);
    return this.#transfer(ioOpcodes.read, first as Namespace, buffer, bufferOffset, offset, length, tag);
  }

  /** Describes a write; like `read`. */
  write(command: BatchTransfer<Namespace>): boolean;
  write(
    namespace: Namespace,
    buffer: DmaBuffer,
    bufferOffset: number,
    offset: number,
    length: number,
    tag: number,
  ): boolean;
  write(
    first: Namespace | BatchTransfer<Namespace>,
    buffer?: DmaBuffer,
    bufferOffset = Number.NaN,
    offset = Number.NaN,
    length = Number.NaN,
    tag = Number.NaN,
  ): boolean {
    if (buffer === undefined) return this.#named(ioOpcodes.write, first);
    return this.#transfer(ioOpcodes.write, first as Namespace, buffer, bufferOffset, offset, length, tag);
  }

  /** Describes a flush of the namespace. */
  flush(command: BatchCommand<Namespace>): boolean;
  flush(namespace: Namespace, tag: number): boolean;
  flush(first: Namespace | BatchCommand<Namespace>, positional?: number): boolean {
    const named = positional === undefined ? readBatchCommand(first) : undefined;
    const namespace = (named ? named.namespace : first) as Namespace;
    const tag = named ? named.tag : (positional as number);
    this.#check(namespace, tag);
    namespace.check(0, 0);
    const { ring } = this.#queue;
    if (ring.free === 0) return false;
    const slot = ring.take();
    ring.describe(slot, ioOpcodes.flush, namespace.id, namespace.tag, namespace.blockSize, 0, 0, 0, 0, 0);
    this.#push(slot, undefined, tag);
    return true;
  }

  /**
   * Sends all commands that were described since the last call.
   * @throws {SpdkError} ERR_SPDK_QUEUE_IN_USE if the batch is closed, or the code of the controller's state
   */
  submit(): void {
    this.#checkUsable();
    if (this.#described === 0) return;
    this.#queue.count(this.#described);
    this.#sent += this.#described;
    this.#described = 0;
    this.#queue.batchAwaits(undefined);
    if (this.#sentAt) for (const slot of this.#unsentSlots.splice(0)) this.#sentAt[slot] = eventLoop.now();
    this.#queue.publish();
  }

  /**
   * Collects completions in `tags` and `statuses` and returns their number. It never waits.
   * @throws {SpdkError} ERR_SPDK_QUEUE_IN_USE if the batch is closed; ERR_SPDK_CONTROLLER_DETACHED or ERR_SPDK_WEDGED
   *   if outstanding commands will never complete
   */
  reap(): number {
    this.#checkOpen();
    this.#queue.ring.poll(0);
    const count = this.#collect();
    if (count === 0 && this.#reason && this.outstanding > 0) throw this.#reason;
    this.#endWaits();
    return count;
  }

  /** The error of a command that the last `reap()` or `wait()` collected, by its index; undefined if it succeeded. */
  error(index: number): SpdkError | undefined {
    return errorOfStatus(this.statuses[checkInteger(index, 'index', 0, this.capacity - 1)] as number);
  }

  /**
   * Sends the described commands, waits until at least one command has completed, and reaps. Resolves with 0 if no command is
   * outstanding: immediately, or when the queue is no longer full of commands that were given up before. Concurrent calls are served
   * in order, each with its own completions; a call for which no completions are left resolves with 0. A loop of calls yields to the
   * event loop regularly, even if completions are always there.
   * @throws {SpdkError} ERR_SPDK_TIMEOUT or ERR_SPDK_ABORTED: the commands continue, and `wait()` can be called again;
   *   ERR_SPDK_CONTROLLER_DETACHED or ERR_SPDK_WEDGED if no command will complete any more; or as `submit`
   */
  wait(options?: BatchWaitOptions): Promise<number> {
    try {
      return this.#wait(options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #wait(options: BatchWaitOptions | undefined, loop?: object): Promise<number> {
    this.#checkOpen();
    const limits = waitLimits(options);
    const queue = this.#queue;
    queue.batchAwaits(undefined);
    const rests = queue.atOnce >= maxAtOnce && this.outstanding > 0 && this.#state === 'open';
    const mayCollect = this.#waiters.length === 0 && !rests && this.#arrays === 'free';
    let count = mayCollect ? this.#collect() : 0;
    if (count === 0) {
      if (this.#reason && this.#kept.length === 0) throw this.#reason;
      // While a controller is failed or detaching, earlier commands can still complete.
      if (this.#described > 0 && (this.#sent === 0 || !this.#hooks.rejection())) this.submit();
      if (mayCollect && this.#sent > 0) {
        // A fast device responds within what a turn of the event loop takes.
        this.#queue.ring.poll(spinTimeUs());
        count = this.#collect();
      }
    }
    if (count > 0) {
      queue.atOnce++;
      this.#give();
      return Promise.resolve(count);
    }
    if (this.#idle) return Promise.resolve(0);
    queue.atOnce = 0;
    if (rests || this.#arrays === 'unread') this.#wakeLater();
    if (this.#ownIdle) this.#queue.batchAwaits(true);
    this.#queue.resumePolling();
    return this.#waiters.add(limits, loop);
  }

  /** Whether no command of the batch is outstanding. */
  get #ownIdle(): boolean {
    return this.#sent === 0 && this.#kept.length === 0;
  }

  /** Whether there is nothing to wait for, nor a place: commands that were given up may have all of them. */
  get #idle(): boolean {
    return this.#ownIdle && this.#queue.ring.free > 0;
  }

  /**
   * The completions of all commands, each with its tag and its error, until no command is outstanding. Commands that are
   * described inside the loop are sent and awaited, too. If the loop ends early, also by `return()` while it waits, the next loop,
   * `reap()` or `wait()` gets the remaining completions. Do not call `reap()` or `wait()` during the loop, because each completion is
   * reported once. The loop allocates an object for each completion.
   *
   *     for await (const { tag, error } of batch.completions()) { … }
   *
   * @throws {SpdkError} like `wait`
   */
  completions(options?: BatchWaitOptions): AsyncGenerator<BatchCompletion, void, undefined> {
    const loop = { left: false };
    return leavable(this.#loop(options, loop), () => {
      loop.left = true;
      this.#waiters.leave(loop);
    });
  }

  async *#loop(
    options: BatchWaitOptions | undefined,
    loop: { readonly left: boolean },
  ): AsyncGenerator<BatchCompletion, void, undefined> {
    const collected = this.#collected;
    try {
      while (!loop.left) {
        while (collected.length > 0)
          yield completionOf(collected.shift() as number, collected.shift() as number);
        if (this.outstanding === 0) return;
        const count = await this.#wait(options, loop);
        for (let i = 0; i < count; i++) collected.push(this.tags[i] as number, this.statuses[i] as number);
      }
    } finally {
      this.#putBack(collected.splice(0));
    }
  }

  /** Has the next loop, `reap()` or `wait()` get what a loop that has ended has not given. */
  #putBack(completions: readonly number[]): void {
    if (completions.length === 0 || this.#state === 'closed') return;
    this.#kept = [...completions, ...this.#kept];
    if (this.#waiters.length > 0) this.#wakeLater();
  }

  /** As {@link completions}. */
  [Symbol.asyncIterator](): AsyncGenerator<BatchCompletion, void, undefined> {
    return this.completions();
  }

  /**
   * Releases the queue pair. Commands that are described but not sent are dropped.
   * @throws {SpdkError} ERR_SPDK_QUEUE_IN_USE while commands are outstanding, unless they are discarded. The memory and
   *   slots of discarded commands stay in use until they have completed
   */
  close(options?: BatchCloseOptions): void {
    const given = readOptions(options, 'close options', ['discard']);
    const discard = checkBoolean(or(given.get('discard'), false), 'discard');
    if (this.#state === 'closed') return;
    const open = this.#state === 'open';
    if (this.#sent > 0 && open && !discard) {
      throw new SpdkError(
        'ERR_SPDK_QUEUE_IN_USE',
        `${this.#sent} commands are outstanding; reap them first, or close the batch with { discard: true }`,
      );
    }
    this.#state = 'closed';
    this.#queue.ring.dropUnpublished((slot) => this.#release(slot));
    this.#waiters.endAll(closedError());
    for (const [slot, used] of this.#used.entries()) {
      if (used) this.#queue.adopt(slot, this.#regionBySlot[slot], open);
    }
    this.#described = 0;
    this.#sent = 0;
    this.#kept = [];
    this.#queue.batchAwaits(undefined);
    this.#forget();
    this.#hooks.closed();
    // What has completed already is not called for any more.
    this.#queue.reap();
  }

  /** Like `close({ discard: true })`, so that an error in the middle of a batch does not lock its queue pair. */
  [dispose](): void {
    this.close({ discard: true });
  }

  /** @internal Called by the ring for each command that has completed. */
  complete(slot: number, status: number, result: number): void {
    if (this.#passOn(slot, status, result)) return;
    this.tags[this.#reaped] = this.#tagBySlot[slot] as number;
    this.statuses[this.#reaped] = status;
    this.#count(slot, status);
  }

  /** Whether a command is not of this batch: it was given up before the batch was opened. */
  #passOn(slot: number, status: number, result: number): boolean {
    if (this.#used[slot]) return false;
    this.#queue.complete(slot, status, result);
    return true;
  }

  #count(slot: number, status: number): void {
    this.#reaped++;
    const { counts } = this.#queue;
    if (isAborted(status)) counts.aborted++;
    else counts.completed++;
    this.#release(slot);
  }

  /** @internal Called when commands may have completed. True if a call of `wait()` got some. */
  wake(): boolean {
    if (this.#waiters.length === 0) {
      // Given-up commands of others do not wait for the program of this batch.
      if (this.#state === 'open' && this.#queue.pending > this.#sent) this.reapLater();
      if (this.#state === 'open' && this.#sent > 0 && this.#queue.ring.unreaped === this.#sent)
        this.#queue.rest();
      return false;
    }
    if (this.#arrays === 'unread') {
      this.#wakeLater();
      return false;
    }
    const count = this.#collect();
    if (count > 0) {
      this.#give();
      this.#waiters.resolve(count);
    }
    this.#endWaits();
    // The arrays are full: the next wait() gets the others.
    if (this.#kept.length > 0 && this.#waiters.length > 0) this.#wakeLater();
    return count > 0;
  }

  #wakeLater(): void {
    this.#wakeTimer ??= eventLoop.setImmediate(() => {
      this.#wakeTimer = undefined;
      this.wake();
    });
  }

  /** A call of `wait()` gets what is in the arrays, which it reads in the microtask after this one: nothing replaces it before. */
  #give(): void {
    this.#arrays = 'unread';
    eventLoop.soon(this.#read);
  }

  readonly #read = (): void => {
    this.#arrays = 'free';
  };

  /** @internal Keeps completions for the next `reap()` or `wait()`, if there is one. */
  reapLater(): void {
    this.#reapRing(this.#keeper);
  }

  /**
   * @internal The queue pair no longer exists. Returns how many commands did not complete.
   * @param gone nothing uses the memory of the commands any more
   */
  failPending(error: SpdkError, gone: boolean): number {
    this.reapLater();
    const lost = this.#sent;
    this.#state = 'ended';
    this.#reason = error;
    if (gone) {
      for (const [slot, used] of this.#used.entries()) if (used) this.#release(slot);
    }
    this.wake();
    return lost;
  }

  /** Moves completions to `tags` and `statuses`. */
  #collect(): number {
    if (this.#kept.length === 0) return this.#reapRing();
    const kept = this.#kept.splice(0, 2 * this.capacity);
    for (let i = 0; i < kept.length; i += 2) {
      this.tags[i / 2] = kept[i] as number;
      this.statuses[i / 2] = kept[i + 1] as number;
    }
    return kept.length / 2;
  }

  #reapRing(sink: CompletionSink = this): number {
    this.#reaped = 0;
    this.#queue.ring.reap(sink);
    if (this.#reaped === 0) return 0;
    this.#sent -= this.#reaped;
    if (this.#state === 'open') this.#queue.count(-this.#reaped);
    return this.#reaped;
  }

  /** Settles the waits for which no completion is left. */
  #endWaits(): void {
    if (this.#waiters.length === 0 || this.#kept.length > 0) return;
    if (!(this.#idle || this.#reason)) return;
    this.#queue.batchAwaits(undefined);
    this.#waiters.endAll(this.#reason);
  }

  #named(opcode: number, command: unknown): boolean {
    const { namespace, buffer, bufferOffset, offset, length, tag, flags } = readBatchTransfer(command);
    return this.#transfer(opcode, namespace as Namespace, buffer, bufferOffset, offset, length, tag, flags);
  }

  #transfer(
    opcode: number,
    namespace: Namespace,
    buffer: DmaBuffer,
    bufferOffset: number,
    offset: number,
    length: number,
    tag: number,
    flags = 0,
  ): boolean {
    this.#check(namespace, tag);
    const { ring, memory } = this.#queue;
    if (!(Number.isSafeInteger(offset) && Number.isSafeInteger(length) && length > 0)) {
      checkInteger(offset, 'offset', 0, Number.MAX_SAFE_INTEGER, 'bytes');
      checkInteger(length, 'length', 1, Number.MAX_SAFE_INTEGER, 'bytes');
    }
    const block = namespace.checkTransfer(offset, length);
    if (buffer !== this.#buffer) this.#remember(buffer, memory);
    const region = this.#region;
    if (
      region === undefined ||
      region.released ||
      !(Number.isInteger(bufferOffset) && bufferOffset >= 0 && bufferOffset + length <= this.#bytes.length)
    ) {
      throw new SpdkError(
        'ERR_SPDK_INVALID_BUFFER',
        'The buffer is not DMA memory of this environment, or is too short',
      );
    }
    if (ring.free === 0) return false;
    const slot = ring.take();
    const { id, blockSize } = namespace;
    const at = this.#start + bufferOffset;
    const blocks = length / blockSize;
    ring.describe(slot, opcode, id, namespace.tag, blockSize, block, blocks, region.id, at, flags);
    memory.pin(region);
    this.#push(slot, region, tag);
    return true;
  }

  /** Remembers a buffer. Without a region, it is not DMA memory of this environment. */
  #remember(buffer: DmaBuffer, memory: DmaMemory): void {
    this.#forget();
    const region = ArrayBuffer.isView(buffer) ? regionOf(buffer) : undefined;
    if (region?.owner !== memory) return;
    const bytes = bytesOf(buffer, 'buffer');
    const start = buffer.byteOffset;
    this.#buffer = buffer;
    this.#bytes = bytes;
    this.#start = start;
    this.#region = region;
  }

  #forget(): void {
    this.#buffer = undefined;
    this.#bytes = noBytes;
    this.#region = undefined;
  }

  #push(slot: number, region: DmaRegion | undefined, tag: number): void {
    this.#used[slot] = 1;
    this.#regionBySlot[slot] = region;
    this.#tagBySlot[slot] = tag;
    if (this.#sentAt) this.#unsentSlots.push(slot);
    this.#described++;
    this.#queue.ring.push(slot);
  }

  /** The slot's command no longer uses its memory. */
  #release(slot: number): void {
    const region = this.#regionBySlot[slot];
    if (region) this.#queue.memory.unpin(region);
    this.#regionBySlot[slot] = undefined;
    this.#used[slot] = 0;
    if (this.#sentAt) this.#sentAt[slot] = 0;
  }

  /** When the oldest command reaches the controller's `ioTimeoutMs`. */
  #deadline(): number {
    let oldest = Number.POSITIVE_INFINITY;
    for (const at of this.#sentAt ?? []) if (at > 0 && at < oldest) oldest = at;
    return oldest + (this.#queue.limits.timeoutMs ?? 0);
  }

  #check(namespace: Namespace, tag: number): void {
    this.#checkUsable();
    if (namespace !== this.#namespace) this.#checkNamespace(namespace);
    if (typeof tag !== 'number' || tag >>> 0 !== tag) checkInteger(tag, 'tag', 0, largestTag);
  }

  #checkNamespace(namespace: Namespace): void {
    if (!Namespace.isOne(namespace)) {
      if (SubsystemNamespace.isOne(namespace)) throw severalPathsError();
      throw notOne('namespace must be one of controller.namespaces', namespace, Namespace);
    }
    if (!this.#hooks.owns(namespace)) {
      throw new SpdkError(
        'ERR_SPDK_FOREIGN_NAMESPACE',
        `Namespace ${namespace.id} belongs to another controller than the queue pair of this batch`,
      );
    }
    this.#namespace = namespace;
  }

  #checkUsable(): void {
    this.#checkOpen();
    if (this.#reason) throw this.#reason;
    const rejection = this.#hooks.rejection();
    if (rejection) throw rejection;
  }

  #checkOpen(): void {
    if (this.#state === 'closed') throw closedError();
  }
}

function closedError(): SpdkError {
  return new SpdkError('ERR_SPDK_QUEUE_IN_USE', 'The batch is closed; open a new one');
}

/** The slots of a batch are those of one queue pair, which another path does not have. */
function severalPathsError(): SpdkError {
  return new SpdkError(
    'ERR_SPDK_FOREIGN_NAMESPACE',
    'A batch uses one path: use a namespace of path.controller and send failed commands again yourself, or use the operations that return promises',
  );
}
