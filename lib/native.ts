import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { type NativeFailure, SpdkError } from './errors.js';
import type { MemoryStats, NativeControllerStats, NativePollerStats } from './stats.js';

/** The states of `ControllerState` in native/core/controller_state.h, which is where they change. */
export type ControllerState =
  | 'attaching'
  | 'attached'
  | 'draining'
  | 'disconnecting'
  | 'lingering'
  | 'detached'
  | 'failed'
  | 'resetting'
  | 'wedged';

/** What a controller said of itself when it was attached, or last reset (NVMe base specification, Identify Controller). */
export interface ControllerInfo {
  readonly model: string;
  readonly serial: string;
  readonly firmware: string;
  /** The NQN that the controller gives itself. */
  readonly subsystemNqn: string;
  /** The controller id that the target chose for this connection. */
  readonly cntlid: number;
  readonly vendorId: number;
  /** The VS register: the NVMe version as major << 16 | minor << 8 | tertiary. */
  readonly version: number;
  /** The largest transfer of one command in bytes, as MDTS and the transport allow. */
  readonly maxTransferBytes: number;
  /** Maximum Data Transfer Size as a power of two of the smallest page; 0 for no limit. */
  readonly mdts: number;
  readonly maxNamespaces: number;
  /** I/O queues that the target granted, at most what was asked for. */
  readonly ioQueues: number;
  /** Entries of each I/O queue. */
  readonly queueDepth: number;
}

/** End-to-end data protection of a namespace. */
export interface NamespaceProtection {
  /** 1 to 3 as NVMe numbers the types; 0: there is none. */
  readonly type: number;
  /** Whether protection information is in the first or in the last bytes of a block's metadata. */
  readonly place: 'none' | 'first' | 'last';
}

/** Sizes in bytes that suit a namespace best; 0 where the controller does not say. */
export interface OptimalSizes {
  /** A command that crosses a multiple of it is slower; SPDK splits commands there. */
  readonly ioBoundary: number;
  readonly writeGranularity: number;
  readonly writeAlignment: number;
  readonly writeSize: number;
  readonly deallocateGranularity: number;
  readonly deallocateAlignment: number;
}

/** The optional commands that the controller and the linked SPDK both have. */
export interface SupportedCommands {
  readonly compare: boolean;
  readonly writeZeroes: boolean;
  readonly deallocate: boolean;
  readonly verify: boolean;
}

/** A namespace as the controller described it. */
export interface NamespaceInfo {
  readonly id: number;
  readonly blocks: number;
  /** Bytes of data in a block. */
  readonly blockSize: number;
  /** Bytes of metadata that go with a block. This package transfers no data of a namespace that has some. */
  readonly metadataSize: number;
  /** Whether metadata is transferred together with the data of its block, or in a buffer of its own. */
  readonly metadata: 'none' | 'interleaved' | 'separate';
  readonly protection: NamespaceProtection;
  readonly optimal: OptimalSizes;
  readonly supports: SupportedCommands;
  /** Namespace Globally Unique Identifier in hexadecimal; empty if the controller gives none. */
  readonly nguid: string;
  /** IEEE Extended Unique Identifier in hexadecimal; empty if the controller gives none. */
  readonly eui64: string;
}

/** How long each phase of a detach took, in milliseconds. */
export interface DetachPhases {
  /** Waiting for outstanding I/O. */
  readonly drainMs: number;
  /** Until every queue pair had begun to disconnect. */
  readonly disconnectMs: number;
  /** Until every queue pair was quiet and freed. */
  readonly lingerMs: number;
  /** Shutting the controller down and freeing it. */
  readonly destroyMs: number;
  readonly totalMs: number;
}

/** `ResetStep` of native/core/reconnect.h. */
export interface NativeResetStep {
  readonly kind: 'begun' | 'tryFailed' | 'failingFast' | 'done';
  readonly failure: NativeFailure | null;
  readonly tries: number;
  readonly disconnectMs: number;
  readonly connectMs: number;
  readonly totalMs: number;
}

export interface NativeLogLine {
  readonly level: number;
  readonly source: string;
  readonly text: string;
  /** `NativeController.id()` of the controller that the line is about; 0 for none. */
  readonly controllerId: number;
  /** The subsystem's NQN of that controller; empty for none. */
  readonly controllerName: string;
}

/** `HistoryEvent` of native/core/history.h. */
export interface NativeHistoryEvent {
  readonly kind: string;
  readonly text: string;
  readonly code: string;
  readonly level: number;
  readonly source: string;
  readonly wallMs: number;
  readonly monotonicMs: number;
}

/** One queue pair's ring; native/core/io_ring.h has its layout, lib/ring.ts this side of it. */
export interface NativeQueuePair {
  memory(): ArrayBuffer;
  capacity(): number;
  /** The index of the poller that serves it; -1 when the JavaScript thread does. */
  poller(): number;
  /** Makes commands up to a tail of the submission queue visible. */
  submit(tail: number): void;
  /** The tail of the completion queue. Polls first, if the JavaScript thread serves the queue pair. */
  poll(): number;
}

export interface NativeAdminRequest {
  readonly opcode: number;
  readonly nsid: number;
  readonly cdw10: number;
  readonly cdw11: number;
  readonly cdw12: number;
  readonly cdw13: number;
  readonly cdw14: number;
  readonly cdw15: number;
  readonly data: Uint8Array;
  readonly done: (failure: NativeFailure | null, cdw0: number, data: Buffer) => void;
}

export interface NativeController {
  /** Tells controllers apart in this process, for log lines. */
  id(): number;
  state(): ControllerState;
  history(): NativeHistoryEvent[];
  stats(): NativeControllerStats;
  info(): ControllerInfo;
  namespaces(): NamespaceInfo[];
  /** Ids above `maxNamespaces`, which SPDK passes over; known some time after the attach. */
  hiddenNamespaces(): number[];
  queuePairs(): NativeQueuePair[];
  admin(request: NativeAdminRequest): void;
  detach(request: { drainMs: number; timeoutMs: number; done: (phases: DetachPhases) => void }): void;
  reset(): void;
  /** Where the threads that work for the controller are; `done` is called within about half a second. */
  stacks(request: { done: (text: string) => void }): void;
  giveUp(): void;
  /** Ends an attach that was given up some time ago, and that the target may keep waiting for ever. */
  breakOff(): void;
  wedge(): void;
}

export interface NativeAttachRequest {
  readonly transportId: string;
  readonly hostNqn: string;
  readonly hostId: string;
  readonly sourceAddress: string;
  readonly sourcePort: string;
  readonly ioQueues: number;
  readonly queueDepth: number;
  readonly keepAliveMs: number;
  readonly timeoutMs: number;
  readonly inlinePolling: boolean;
  readonly reconnectDelayMs: number;
  /** 2^32 - 1 stands for ever. */
  readonly ctrlrLossTimeoutMs: number;
  /** 0: I/O waits as long as there are tries. */
  readonly fastIoFailTimeoutMs: number;
  readonly attached: (failure: NativeFailure | null) => void;
  readonly stateChanged: (state: ControllerState) => void;
  readonly failed: (failure: NativeFailure) => void;
  readonly resetStep: (step: NativeResetStep) => void;
  /** Some queue pair has completions to reap. */
  readonly ioCompleted: () => void;
  /** What `namespaces()` or `hiddenNamespaces()` gives may have changed. */
  readonly namespacesChanged: () => void;
}

/** A region of DMA memory; `id` is what commands name it by. */
export interface NativeRegion {
  readonly id: number;
  readonly memory: ArrayBuffer;
}

export interface NativeEnvironment {
  /** Null when the attach failed at once; `attached` has then been called already. */
  attach(request: NativeAttachRequest): NativeController | null;
  /** Null when there is no memory, or no number for a region, left. */
  allocate(request: { bytes: number }): NativeRegion | null;
  /** Words shared with native/core/dma_memory.h: for each region how many commands use it. */
  pins(): ArrayBuffer;
  /** Takes the memory from every view of an ArrayBuffer that `allocate` gave, which frees it. */
  detachMemory(memory: ArrayBuffer): void;
  /** Frees a region that JavaScript lost sight of while a command used it. */
  freeUnpinned(id: number): void;
  pollerStats(): NativePollerStats[];
  memoryUse(): MemoryStats;
  close(request: { timeoutMs: number; closed: (clean: boolean, heldBy: string) => void }): void;
}

export interface NativeOpenRequest {
  readonly name: string;
  readonly memoryMb: number;
  readonly pollers: number;
  readonly alwaysSpin: boolean;
  readonly idleSleepUs: number;
  readonly connectConcurrency: number;
  readonly logLevel: number;
  readonly onLog: (line: NativeLogLine) => void;
  readonly opened: (failure: NativeFailure | null, environment?: NativeEnvironment) => void;
}

/** What native/binding/addon.cc exports. */
export interface NativeAddon {
  readonly version: {
    readonly major: number;
    readonly minor: number;
    readonly patch: number;
    readonly text: string;
    /** The names of set-up's own patches to this SPDK, with spaces in between. */
    readonly patches: string;
  };
  /** A random UUID as 32 hexadecimal digits, the same in all threads of the process. */
  readonly processHostId: string;
  open(request: NativeOpenRequest): void;
}

const addonPath = fileURLToPath(new URL('../build/Release/spdk_nvme.node', import.meta.url));
const require = createRequire(import.meta.url);
let addon: NativeAddon | undefined;

/**
 * The native addon, loaded at its first use, so that importing this package never throws.
 * @throws {SpdkError} ERR_SPDK_ADDON_MISSING or ERR_SPDK_ADDON_BROKEN, naming the command that builds it
 */
export function native(): NativeAddon {
  addon ??= load();
  return addon;
}

/** @internal Something that keeps to the same contract is used instead, in tests; undefined: the addon again. */
export function useAddon(standIn: NativeAddon | undefined): void {
  addon = standIn;
}

function load(): NativeAddon {
  if (!existsSync(addonPath)) {
    throw new SpdkError(
      'ERR_SPDK_ADDON_MISSING',
      `The native addon is not at ${addonPath}. Build it with \`npm rebuild spdk-nvme\`, or with \`npm run setup\` in a checkout`,
    );
  }
  try {
    return require(addonPath) as NativeAddon;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new SpdkError(
      'ERR_SPDK_ADDON_BROKEN',
      `The native addon at ${addonPath} does not load (${why}). Build it again with \`npm rebuild spdk-nvme\`, or with \`npm run setup\` in a checkout`,
      { cause },
    );
  }
}
