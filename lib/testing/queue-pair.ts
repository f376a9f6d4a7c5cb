// The native side of one queue pair, in memory.

import { hostError } from '../errors/command-status.js';
import { eventLoop } from '../internal/event-loop.js';
import type { NativeAbortOutcome, NativeQueuePair } from '../native/contract.js';
import { commandWord, ioOpcodes, partsOfRing, ringLayout } from '../native/ring-layout.js';
import type { PollingMode } from '../options/attach.js';
import { comesBack, type RingCommand, readCommand } from './command.js';
import type { Connection, Sent } from './connection.js';
import { transferredBlockBytes } from './metadata.js';
import type { MemoryRegions, RegionUse } from './regions.js';
import type { Scheduler } from './scheduler.js';
import { abortedStatus, errno } from './statuses.js';
import type { Violations } from './violations.js';

/** What a ring needs of its controller. */
export interface RingHost {
  readonly name: string;
  readonly memory: MemoryRegions;
  readonly violations: Violations;
  readonly scheduler: Scheduler;
  /** The present connection; undefined while there is none. */
  connection(): Connection | undefined;
  /** Called when commands have completed that were not reported to JavaScript. */
  completed(): void;
}

/** How many commands ended in which way (`IoRing::Counts`). */
export interface RingCounts {
  completed: number;
  failed: number;
  aborted: number;
  reads: number;
  writes: number;
  bytesRead: number;
  bytesWritten: number;
}

/** native/core/io/io_ring.h: the native side of one queue pair. */
export class MemoryQueuePair implements NativeQueuePair {
  readonly counts: RingCounts = {
    ...{ completed: 0, failed: 0, aborted: 0 },
    ...{ reads: 0, writes: 0, bytesRead: 0, bytesWritten: 0 },
  };
  /** Commands by how many microseconds they took at most, a power of two. */
  readonly latencies = new Map<number, number>();
  readonly #host: RingHost;
  readonly #capacity: number;
  readonly #polling: PollingMode;
  readonly #poller: number;
  readonly #parts: ReturnType<typeof partsOfRing>;
  readonly #words: Uint32Array<ArrayBuffer>;
  readonly #busy = new Set<number>();
  /** What the controller has, by slot. */
  readonly #sent = new Map<number, Sent>();
  #held: number[] = [];
  #holding = false;
  #head = 0;
  #submitted = 0;
  #completed = 0;
  #woken = false;

  constructor(host: RingHost, capacity: number, polling: PollingMode, poller: number) {
    this.#host = host;
    this.#capacity = capacity;
    this.#polling = polling;
    this.#poller = poller;
    this.#parts = partsOfRing(capacity);
    this.#words = new Uint32Array(new ArrayBuffer(this.#parts.end * 4));
  }

  memory(): ArrayBuffer {
    return this.#words.buffer;
  }

  capacity(): number {
    return this.#capacity;
  }

  poller(): number {
    return this.#polling === 'inline' ? -1 : this.#poller;
  }

  submit(tail: number): void {
    const ahead = (from: number) => (tail - from) >>> 0;
    if (ahead(this.#submitted) > this.#capacity || ahead(this.#completed) > this.#capacity) {
      throw new TypeError('tail must be at most the queue depth ahead of the last one');
    }
    this.#checkPending();
    this.#submitted = tail;
    if (this.#polling !== 'inline') this.wake();
  }

  poll(): void {
    this.#checkPending();
    if (this.#polling !== 'threads') this.serve();
  }

  /** Operations that JavaScript has accepted and not settled. */
  get pending(): number {
    return this.#words[ringLayout.pendingWord] as number;
  }

  /** Commands that the controller has. */
  get inFlight(): number {
    return this.#busy.size;
  }

  /** Asks the controller to abort the command in a slot. */
  abort(slot: number, done: (outcome: NativeAbortOutcome) => void): void {
    const sent = this.#sent.get(slot);
    if (sent) sent.abort(done);
    else done('notFound');
  }

  /** Has a poller look at the ring. */
  wake(): void {
    if (this.#woken) return;
    this.#woken = true;
    this.#host.scheduler.after(0, () => {
      this.#woken = false;
      this.serve();
    });
  }

  /** Whether commands that end with their connection are kept for the next one. Raw commands never are. */
  hold(holding: boolean): void {
    this.#holding = holding;
  }

  /** Sends what is held and what is new, in order. */
  serve(): void {
    const held = this.#held;
    while (held.length > 0) {
      if (!this.#tryStart(held[0] as number)) return;
      held.shift();
    }
    while (this.#head !== this.#submitted) {
      const slot = this.#words[this.#queued(this.#head)] as number;
      if (this.#unusable(slot)) this.#host.violations.add(`${this.#host.name}: slot ${slot} is reused`);
      else if (!this.#tryStart(slot)) return;
      this.#head = (this.#head + 1) >>> 0;
    }
  }

  /** Ends everything that no controller has: with this errno, or as aborted for 0. */
  failPending(error: number): void {
    const status = error === 0 ? abortedStatus : hostError + error;
    for (const slot of this.#held.splice(0)) this.#complete(slot, status, 0);
    for (; this.#head !== this.#submitted; this.#head = (this.#head + 1) >>> 0) {
      const slot = this.#words[this.#queued(this.#head)] as number;
      if (!this.#unusable(slot)) this.#complete(slot, status, 0);
    }
  }

  /** Ends the commands of a connection that has ended, unless they are to be sent again. */
  lostConnection(): void {
    if (!this.#holding) this.failPending(0);
  }

  #queued(index: number): number {
    return this.#parts.submissions + (index & (this.#capacity - 1));
  }

  /** A slot that there is not, or whose last command has not completed. */
  #unusable(slot: number): boolean {
    return slot >= this.#capacity || this.#busy.has(slot) || this.#held.includes(slot);
  }

  #checkPending(): void {
    if (this.pending > 0x7fff_ffff) this.#host.violations.add(`${this.#host.name}: pending is negative`);
  }

  /** Sends a command. False when it has to wait. */
  #tryStart(slot: number): boolean {
    const connection = this.#host.connection();
    if (!connection) return false;
    const commandAt = this.#commandAt(slot);
    const command = readCommand(this.#words, commandAt, this.#segmentsAt(slot));
    const cancel = command.operation === ioOpcodes.raw ? commandWord.rawCancel : commandWord.cancel;
    if (this.#words[commandAt + cancel] !== 0) {
      // A held command has been at a controller before.
      const lost = this.#held.includes(slot);
      this.#complete(slot, hostError + (lost ? errno.ECONNRESET : errno.ECANCELED), 0);
      return true;
    }
    const rejection = this.#rejection(command, connection);
    const uses = rejection === 0 ? this.#use(command) : undefined;
    if (!uses) {
      this.#complete(slot, hostError + (rejection || errno.EFAULT), 0);
      return true;
    }
    this.#busy.add(slot);
    const begun = eventLoop.now();
    const sent = connection.send(command, uses, this.#host.memory, (status, result) => {
      this.#busy.delete(slot);
      this.#sent.delete(slot);
      for (const use of uses) this.#host.memory.endUse(use);
      const aborted = status === abortedStatus && !connection.alive;
      if (aborted && this.#holding && !sentOnce(command)) this.#held.push(slot);
      else {
        if (status === 0) this.#countData(command);
        if (!aborted) this.#countTime(eventLoop.now() - begun);
        this.#complete(slot, status, result);
      }
    });
    this.#sent.set(slot, sent);
    return true;
  }

  #countData(command: RingCommand): void {
    const bytes = command.blocks * command.blockSize;
    if (command.operation === ioOpcodes.read) {
      this.counts.reads++;
      this.counts.bytesRead += bytes;
    } else if (command.operation === ioOpcodes.write) {
      this.counts.writes++;
      this.counts.bytesWritten += bytes;
    }
  }

  #countTime(ms: number): void {
    const endUs = 2 ** Math.ceil(Math.log2(Math.max(1, ms * 1_000)));
    this.latencies.set(endUs, (this.latencies.get(endUs) ?? 0) + 1);
  }

  /** What `IoRing::start()` says of a command; 0 when it may be sent. */
  #rejection(command: RingCommand, connection: Connection): number {
    const { violations, name } = this.#host;
    const namespace = connection.namespaceInfo(command.nsid);
    if (!connection.subsystem.had(command.nsid, command.tag)) {
      violations.add(`${name}: a command names namespace ${command.nsid}, which is not its own`);
    }
    if (namespace?.tag !== command.tag) return errno.ENODEV;
    if (command.operation === ioOpcodes.raw) return 0;
    if (transferredBlockBytes(namespace, command) !== command.blockSize) {
      if (namespace.metadataSize > 0) return errno.ENOTSUP;
      violations.add(`${name}: a command has another block size`);
    }
    if (command.operation === ioOpcodes.flush) return 0;
    if (command.blocks === 0) violations.add(`${name}: a command has no blocks`);
    if (command.block + command.blocks > namespace.blocks) {
      if (!namespace.changed) violations.add(`${name}: a command reaches past the end of the namespace`);
      return errno.ERANGE;
    }
    if (command.parts.length > 0 && namespace.metadata === 'separate') return errno.ENOTSUP;
    const bytes = command.parts.reduce((sum, { length }) => sum + length, 0);
    const covered =
      command.parts.length === 0 ||
      bytes ===
        command.blocks * command.blockSize * (command.operation === ioOpcodes.compareAndWrite ? 2 : 1);
    if (!covered) violations.add(`${name}: the parts of a command do not add up`);
    return covered ? 0 : errno.EFAULT;
  }

  #use(command: RingCommand): RegionUse[] | undefined {
    const uses: RegionUse[] = [];
    for (const { region, offset, length } of command.parts) {
      const use = this.#host.memory.use(region, offset, length, comesBack(command));
      if (!use) {
        for (const other of uses) this.#host.memory.endUse(other);
        return undefined;
      }
      uses.push(use);
    }
    return uses;
  }

  #complete(slot: number, status: number, result: number): void {
    if (status === abortedStatus) this.counts.aborted++;
    else this.counts.completed++;
    if (status !== 0 && status !== abortedStatus) this.counts.failed++;
    const words = this.#words;
    const { completions, statuses, results } = this.#parts;
    words[statuses + slot] = status;
    words[results + slot] = result; // modulo 2^32, as typed arrays store
    if (words[this.#commandAt(slot)] === ioOpcodes.raw)
      words[this.#commandAt(slot) + commandWord.resultHigh] = result / 2 ** 32;
    words[completions + (this.#completed & (this.#capacity - 1))] = slot;
    this.#completed = (this.#completed + 1) >>> 0;
    words[ringLayout.completedWord] = this.#completed;
    if (words[ringLayout.wakeWord] === 0) return;
    words[ringLayout.wakeWord] = 0;
    this.#host.completed();
  }

  #commandAt(slot: number): number {
    return this.#parts.commands + slot * ringLayout.commandWords;
  }

  #segmentsAt(slot: number): number {
    return this.#parts.segments + slot * ringLayout.maxSegments * ringLayout.segmentWords;
  }
}

/** Whether a command is never sent again. */
function sentOnce(command: RingCommand): boolean {
  return command.operation === ioOpcodes.raw || command.operation === ioOpcodes.compareAndWrite;
}
