// The memory of one queue pair’s commands and completions, which native code shares.

import type { NativeQueuePair } from '../native/contract.js';
import { commandWord, ioOpcodes, partsOfRing, ringLayout } from '../native/ring-layout.js';

// Not used as imports, which V8 looks up each time: describing a command would take a fifth longer.
const { commandWords, maxSegments, segmentWords } = ringLayout;
const { pendingWord, cancelsWord, completedWord, wakeWord } = ringLayout;
const word = commandWord;
const twoTo32 = 4_294_967_296;

/** Most buffers of one vectored command. */
export const segmentsPerCommand = maxSegments;

/** A part of a DMA region. */
export interface Segment {
  readonly region: number;
  readonly offset: number;
  readonly length: number;
}

/** Receives completions: the slot is free again when it returns. */
export interface CompletionSink {
  complete(slot: number, status: number, result: number): void;
}

/**
 * One queue pair's commands and completions, in memory shared with the thread that polls it. No call and no
 * allocation for each command: take a slot, describe the command in it, push it, and publish all that was pushed
 * with one call; then reap completions, any number with one call.
 */
export class Ring {
  /** The maximum of commands. */
  readonly capacity: number;
  readonly #native: NativeQueuePair;
  readonly #polls: boolean;
  /** Whether only this thread polls. */
  readonly #alone: boolean;
  readonly #words: Uint32Array;
  readonly #submissions: number;
  readonly #completions: number;
  readonly #statuses: number;
  readonly #results: number;
  readonly #commands: number;
  readonly #segments: number;
  readonly #mask: number;
  readonly #free: Uint32Array;
  #freeCount: number;
  /** Slots that are kept, by whether their command has completed. */
  readonly #kept = new Map<number, boolean>();
  #tail = 0;
  #published = 0;
  #reaped = 0;

  /** @param polls whether this thread polls the queue pair */
  constructor(native: NativeQueuePair, polls: boolean) {
    this.#native = native;
    this.#polls = polls;
    this.#alone = polls && native.poller() < 0;
    this.capacity = native.capacity();
    this.#words = new Uint32Array(native.memory());
    const parts = partsOfRing(this.capacity);
    this.#submissions = parts.submissions;
    this.#completions = parts.completions;
    this.#statuses = parts.statuses;
    this.#results = parts.results;
    this.#commands = parts.commands;
    this.#segments = parts.segments;
    this.#mask = this.capacity - 1; // a power of two, see io_queues.cc
    this.#free = new Uint32Array(this.capacity);
    for (let slot = 0; slot < this.capacity; slot++) this.#free[slot] = slot;
    this.#freeCount = this.capacity;
  }

  /** Slots not in use. */
  get free(): number {
    return this.#freeCount;
  }

  /** Whether a command is in a slot. */
  get busy(): boolean {
    return this.#freeCount < this.capacity;
  }

  /** Operations accepted and not settled, for the native drain to see. */
  set pending(count: number) {
    this.#words[pendingWord] = count;
  }

  /** A free slot; the caller has made sure that there is one. */
  take(): number {
    this.#freeCount--;
    return this.#free[this.#freeCount] as number;
  }

  /** Describes a command on blocks of the namespace with this id and this tag, with its data in one piece. */
  describe(
    slot: number,
    opcode: number,
    nsid: number,
    tag: number,
    blockSize: number,
    block: number,
    blocks: number,
    region: number,
    offset: number,
    flags: number,
  ): void {
    const words = this.#words;
    const at = this.#commands + slot * commandWords;
    words[at + word.operation] = opcode;
    words[at + word.namespace] = nsid;
    words[at + word.blockLow] = block; // modulo 2^32, as typed arrays store
    words[at + word.blockHigh] = block / twoTo32;
    words[at + word.blocks] = blocks;
    words[at + word.region] = region;
    words[at + word.offset] = offset;
    words[at + word.blockSize] = blockSize;
    words[at + word.flags] = flags;
    words[at + word.segments] = 0;
    words[at + word.cancel] = 0;
    words[at + word.tag] = tag;
  }

  /** Gives a described command with flags of protection information its tags: CDW14, modulo 2^32, and CDW15. */
  describeTags(slot: number, referenceTag: number, applicationTag: number): void {
    const at = this.#commands + slot * commandWords;
    this.#words[at + word.referenceTag] = referenceTag;
    this.#words[at + word.applicationTag] = applicationTag;
  }

  /** Gives a described command its data in several pieces instead. */
  describeSegments(slot: number, segments: readonly Segment[]): void {
    const words = this.#words;
    words[this.#commands + slot * commandWords + word.segments] = segments.length;
    let at = this.#segments + slot * maxSegments * segmentWords;
    for (const { region, offset, length } of segments) {
      words[at] = region;
      words[at + 1] = offset;
      words[at + 2] = length;
      at += segmentWords;
    }
  }

  /** Describes a command that this package does not interpret. */
  describeRaw(
    slot: number,
    opcode: number,
    nsid: number,
    tag: number,
    dwords: readonly number[],
    region: number,
    offset: number,
    length: number,
  ): void {
    const words = this.#words;
    const at = this.#commands + slot * commandWords;
    words[at + word.operation] = ioOpcodes.raw;
    words[at + word.namespace] = nsid;
    words[at + word.rawCancel] = 0;
    words[at + word.region] = region;
    words[at + word.offset] = offset;
    words[at + word.length] = length;
    words[at + word.rawTag] = tag;
    words[at + word.opcode] = opcode;
    for (let i = 0; i < 6; i++) words[at + word.cdw10 + i] = dwords[i] ?? 0;
  }

  /**
   * Cancels a described command: no further part of it is sent, nor a raw one, if that has not been sent. The command still completes
   * once, when the parts that were sent have ended.
   */
  cancel(slot: number): void {
    const at = this.#commands + slot * commandWords;
    const isRaw = this.#words[at + word.operation] === ioOpcodes.raw;
    Atomics.store(this.#words, at + (isRaw ? word.rawCancel : word.cancel), 1);
    Atomics.add(this.#words, cancelsWord, 1);
  }

  /** Dwords 0 and 1 of the completion of a raw command, while the sink has it. Exact up to 2^53. */
  longResult(slot: number): number {
    const high = this.#words[this.#commands + slot * commandWords + word.resultHigh] as number;
    return high * twoTo32 + (this.#words[this.#results + slot] as number);
  }

  /** Keeps a slot, which has a command, from being used again after its completion, until {@link release}. */
  keep(slot: number): void {
    this.#kept.set(slot, false);
  }

  release(slot: number): void {
    const completed = this.#kept.get(slot);
    this.#kept.delete(slot);
    if (completed) this.#give(slot);
  }

  #give(slot: number): void {
    this.#free[this.#freeCount] = slot;
    this.#freeCount++;
  }

  /** Appends a described command. It is not sent before {@link publish}. */
  push(slot: number): void {
    this.#words[this.#submissions + (this.#tail & this.#mask)] = slot;
    this.#tail = (this.#tail + 1) >>> 0;
  }

  /** Sends everything that was pushed. */
  publish(): void {
    if (this.#tail === this.#published) return;
    this.#published = this.#tail;
    this.#native.submit(this.#tail);
  }

  /** Removes slots that were pushed and not published, and frees them. */
  dropUnpublished(dropped: (slot: number) => void): void {
    while (this.#tail !== this.#published) {
      this.#tail = (this.#tail - 1) >>> 0;
      const slot = this.#words[this.#submissions + (this.#tail & this.#mask)] as number;
      dropped(slot);
      this.#free[this.#freeCount] = slot;
      this.#freeCount++;
    }
  }

  /** Polls the queue pairs of its set, if this thread does that, for up to this many microseconds. */
  poll(spinUs: number): void {
    if (this.#polls) this.#native.poll(spinUs);
  }

  /**
   * Has native code call at the next completion. What completes before {@link reap} is found by it, or called for.
   */
  requestWake(): void {
    Atomics.store(this.#words, wakeWord, 1);
  }

  /** Takes that back. A call may still come. */
  withdrawWake(): void {
    Atomics.store(this.#words, wakeWord, 0);
  }

  /** Completions that {@link reap} has not passed on. */
  get unreaped(): number {
    return (this.#completed() - this.#reaped) | 0;
  }

  #completed(): number {
    const words = this.#words;
    // Where this thread has completed what is there, an atomic load would cost more than the rest.
    return this.#alone ? (words[completedWord] as number) : Atomics.load(words, completedWord);
  }

  /** Passes completions to the sink. Returns their number. */
  reap(sink: CompletionSink): number {
    const words = this.#words;
    const tail = this.#completed();
    let count = 0;
    // By the current state: a sink that calls this again may have reaped more.
    while (((tail - this.#reaped) | 0) > 0) {
      const slot = words[this.#completions + (this.#reaped & this.#mask)] as number;
      this.#reaped = (this.#reaped + 1) >>> 0;
      sink.complete(slot, words[this.#statuses + slot] as number, words[this.#results + slot] as number);
      if (this.#kept.size > 0 && this.#kept.has(slot)) this.#kept.set(slot, true);
      else this.#give(slot);
      count++;
    }
    return count;
  }
}
