// A controller and DMA memory without SPDK, behind the contract of lib/native/contract.ts: the tests say when commands complete.
// Longer than other files: one object with each call of the contract.

import { Controller } from '../../../lib/controller.js';
import { BouncePool } from '../../../lib/io/bounce-pool.js';
import { DmaMemory } from '../../../lib/io/dma-memory.js';
import type {
  NativeController,
  NativeEnvironment,
  NativeNamespaceInfo,
  NativeQueuePair,
  NativeRegion,
} from '../../../lib/native/contract.js';
import type { ControllerState, DetachPhases } from '../../../lib/types.js';

const commandWords = 16;
const maxSegments = 16;
const headerWords = 32;
const completedWord = 16;
/** The status of commands that are outstanding when SPDK frees their queue pair. */
const abortedStatus = 0x08;

/** DMA memory of so many bytes. */
export class FakeMemory {
  readonly dma: DmaMemory;
  readonly pins = new Uint32Array(1024);
  used = 0;
  most = 0;
  readonly #regions = new Map<number, ArrayBuffer>();
  readonly #ids = new Map<ArrayBuffer, { id: number; bytes: number }>();
  #next = 0;

  constructor(limit: number, forStreams = limit) {
    const native = {
      pins: () => this.pins.buffer,
      allocate: ({ bytes }: { bytes: number }): NativeRegion | null => {
        if (this.used + bytes > limit) return null;
        this.used += bytes;
        this.most = Math.max(this.most, this.used);
        const memory = new ArrayBuffer(bytes);
        const id = this.#next++;
        this.#regions.set(id, memory);
        this.#ids.set(memory, { id, bytes });
        return { id, memory };
      },
      detachMemory: (_id: number, memory: ArrayBuffer) => {
        const { id, bytes } = this.#ids.get(memory) as { id: number; bytes: number };
        if (this.pins[id] !== 0) throw new Error('a region is freed while it is in use');
        this.#regions.delete(id);
        this.used -= bytes;
        structuredClone(memory, { transfer: [memory] });
      },
      freeUnpinned: () => {},
      memoryUse: () => ({ ownBuffers: this.#regions.size }),
    };
    this.dma = new DmaMemory(native as unknown as NativeEnvironment, forStreams);
  }

  get pinned(): number {
    return this.pins.reduce((sum, count) => sum + count, 0);
  }

  bytes(id: number, offset: number, length: number): Uint8Array {
    return new Uint8Array(this.#regions.get(id) as ArrayBuffer, offset, length);
  }
}

/** A command as native code sees it. */
export interface FakeCommand {
  readonly slot: number;
  readonly operation: number;
  readonly nsid: number;
  readonly block: number;
  readonly blocks: number;
  readonly blockSize: number;
  readonly region: number;
  readonly offset: number;
  readonly raw: boolean;
  readonly segments: number;
}

/** One queue pair, which keeps commands until the test completes them. */
export class FakeQueuePair implements NativeQueuePair {
  readonly commands: FakeCommand[] = [];
  /** Commands that have been sent so far. */
  sent = 0;
  readonly #capacity: number;
  readonly #words: Uint32Array;
  readonly #fake: FakeController;
  #head = 0;
  #completed = 0;

  constructor(capacity: number, fake: FakeController) {
    this.#capacity = capacity;
    this.#fake = fake;
    this.#words = new Uint32Array(headerWords + capacity * (4 + commandWords + maxSegments * 3));
  }

  memory = () => this.#words.buffer as ArrayBuffer;
  capacity = () => this.#capacity;
  poller = () => 0;
  poll = () => {};
  get pendingWord(): number {
    return this.#words[0] as number;
  }

  submit(tail: number): void {
    for (; this.#head !== tail; this.#head++) {
      const slot = this.#words[headerWords + (this.#head % this.#capacity)] as number;
      const word = (i: number) => this.#command(slot)[i] as number;
      const raw = word(0) === 255;
      this.commands.push({
        slot,
        operation: raw ? word(9) : word(0),
        nsid: word(1),
        block: word(2) + word(3) * 2 ** 32,
        blocks: word(4),
        region: word(5),
        offset: word(6),
        blockSize: word(7),
        segments: raw ? 0 : word(9),
        raw,
      });
      this.sent++;
    }
  }

  canceled(slot: number): boolean {
    return this.#command(slot)[10] === 1;
  }

  /** Carries out and completes so many of the oldest commands, and has JavaScript reap them. */
  complete(count = this.commands.length, status = 0): void {
    for (const command of this.commands.splice(0, count)) this.#end(command, status);
    this.#fake.controller.onIoCompleted();
  }

  /** As {@link complete}, until nothing is left. */
  async completeAll(): Promise<void> {
    for (;;) {
      await Promise.resolve();
      if (this.commands.length === 0) return;
      this.complete();
    }
  }

  /** As {@link complete}, without notifying JavaScript. */
  completeUnheard(count: number): void {
    for (const command of this.commands.splice(0, count)) this.#end(command, 0);
  }

  abortAll(): void {
    for (const command of this.commands.splice(0)) this.#end(command, abortedStatus);
  }

  #end(command: FakeCommand, status: number): void {
    const failed = status === 0 ? this.#fake.carryOut(command, this.#segments(command)) : status;
    this.#words[headerWords + 2 * this.#capacity + command.slot] = failed;
    this.#words[headerWords + this.#capacity + (this.#completed % this.#capacity)] = command.slot;
    this.#completed++;
    this.#words[completedWord] = this.#completed;
  }

  #command(slot: number): Uint32Array {
    const at = headerWords + 4 * this.#capacity + slot * commandWords;
    return this.#words.subarray(at, at + commandWords);
  }

  #segments(command: FakeCommand): [region: number, offset: number, length: number][] {
    const base = headerWords + (4 + commandWords) * this.#capacity + command.slot * maxSegments * 3;
    return Array.from({ length: command.segments }, (_, i) => {
      const at = base + i * 3;
      return [...this.#words.subarray(at, at + 3)] as [number, number, number];
    });
  }
}

export interface FakeOptions {
  readonly bytes?: number;
  readonly blockSize?: number;
  readonly depth?: number;
  readonly queues?: number;
  readonly maxWaiting?: number;
  readonly ioTimeoutMs?: number;
  readonly pool?: BouncePool;
}

/** A controller with one namespace in memory. */
export class FakeController {
  readonly disk: Uint8Array;
  readonly controller: Controller;
  readonly pairs: FakeQueuePair[];
  state: ControllerState = 'attached';
  /** What a raw command does with its data. */
  onRaw: (data: Uint8Array) => void = () => {};
  #detach: ((phases: DetachPhases) => void) | undefined;
  readonly #memory: FakeMemory;

  constructor(memory: FakeMemory, options: FakeOptions = {}) {
    const { bytes = 4 << 20, blockSize = 512, depth = 4, queues = 1 } = options;
    this.#memory = memory;
    this.disk = new Uint8Array(bytes);
    this.pairs = Array.from({ length: queues }, () => new FakeQueuePair(depth, this));
    const namespace: NativeNamespaceInfo = {
      id: 1,
      blocks: bytes / blockSize,
      blockSize,
      metadataSize: 0,
      metadata: 'none',
      protection: { type: 0, place: 'none', guardBits: 0 },
      optimal: {
        ioBoundary: 0,
        writeGranularity: 0,
        writeAlignment: 0,
        writeSize: 0,
        deallocateGranularity: 0,
        deallocateAlignment: 0,
      },
      supports: {
        compare: true,
        writeZeroes: true,
        deallocate: true,
        verify: true,
        writeUncorrectable: true,
        compareAndWrite: true,
        copy: true,
      },
      compareAndWriteBlocks: 8,
      copyLimits: { ranges: 16, rangeBlocks: 128, blocks: 256 },
      uuid: '',
      nguid: '',
      eui64: '',
      tag: 1,
    };
    const native: Partial<NativeController> = {
      info: () => ({}) as never,
      attachReport: () => ({}) as never,
      history: () => [],
      state: () => this.state,
      namespaces: () => [namespace],
      queuePairs: () => this.pairs,
      detach: ({ done }) => {
        this.#detach = done;
      },
      stacks: ({ done }) => done(''),
      failSubmitted: () => {},
      wedge: () => {
        this.state = 'wedged';
      },
    };
    const pool = options.pool ?? new BouncePool(memory.dma, 32 << 20);
    this.controller = Controller.create(
      native as NativeController,
      {
        transportId: { trtype: 'TCP', traddr: '127.0.0.1' } as never,
        host: { nqn: 'nqn.2026-11.dev.spdk-nvme:host', id: '11111111-1111-4111-8111-111111111111' },
        polling: 'threads',
        maxWaiting: options.maxWaiting ?? 16_384,
        ioTimeoutMs: options.ioTimeoutMs,
        onTimeout: 'none',
      },
      { memory: memory.dma, bounce: pool, detached: () => {} },
    );
    this.controller.events.release();
  }

  get ns() {
    return this.controller.namespaces[0] as Controller['namespaces'][0];
  }

  get pair(): FakeQueuePair {
    return this.pairs[0] as FakeQueuePair;
  }

  /** Ends a detach: what is left has been aborted. */
  finishDetach(): void {
    for (const pair of this.pairs) pair.abortAll();
    this.state = 'detached';
    this.#detach?.({ drainMs: 0, disconnectMs: 0, lingerMs: 0, destroyMs: 0, totalMs: 0 });
  }

  carryOut(command: FakeCommand, segments: [number, number, number][]): number {
    if (command.raw) {
      // The word of the block size is the length of a raw command's data.
      if (command.blockSize > 0) {
        this.onRaw(this.#memory.bytes(command.region, command.offset, command.blockSize));
      }
      return 0;
    }
    const length = command.blocks * command.blockSize;
    let at = command.block * command.blockSize;
    const places = segments.length > 0 ? segments : [[command.region, command.offset, length] as const];
    for (const [region, offset, size] of places) {
      const disk = this.disk.subarray(at, at + size);
      if (command.operation === 2) this.#memory.bytes(region, offset, size).set(disk);
      else if (command.operation === 1) disk.set(this.#memory.bytes(region, offset, size));
      else if (command.operation === 8) disk.fill(0);
      else if (command.operation === 5) {
        const given = Buffer.from(this.#memory.bytes(region, offset, size));
        if (!given.equals(disk)) return 0x285;
      }
      at += size;
    }
    return 0;
  }
}
