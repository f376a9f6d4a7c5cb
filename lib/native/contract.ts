// What native code and JavaScript promise each other: native/binding has the other side of each interface.

import type { NativeFailure } from '../errors/spdk-error.js';
import type { PollingMode } from '../options/attach.js';
import type {
  AttachReport,
  ControllerInfo,
  ControllerState,
  ControllerStats,
  DetachPhases,
  LatencyStats,
  MemoryStats,
  NamespaceInfo,
  PollerStats,
} from '../types.js';

/** `ResetStep` of native/core/controller/reconnect.h. */
export interface NativeResetStep {
  readonly kind: 'begun' | 'attemptFailed' | 'failingFast' | 'done' | 'failed';
  /** The number of the reset. */
  readonly number: number;
  readonly failure: NativeFailure | null;
  readonly attempts: number;
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

/** `ControllerStats` of native/core/controller/controller_stats.h. */
export interface NativeControllerStats extends Omit<ControllerStats, 'pending' | 'latency'> {
  readonly latencies: LatencyStats['buckets'];
}

/** `PollerStats` of native/core/io/poller_stats.h. */
export type NativePollerStats = Omit<PollerStats, 'index' | 'pending'>;

/** `HistoryEvent` of native/core/diagnostics/history.h. */
export interface NativeHistoryEvent {
  readonly kind: string;
  readonly text: string;
  readonly code: string;
  readonly level: number;
  readonly source: string;
  readonly wallMs: number;
  readonly monotonicMs: number;
}

/** `NamespaceInfo` of native/core/connection/controller_info.h. */
export interface NativeNamespaceInfo extends NamespaceInfo {
  /**
   * A number that no other namespace of the process ever has; kept over resets and changes of the size. Commands carry
   * it: they never reach another disk that has come under the same id.
   */
  readonly tag: number;
}

/** One queue pair's ring; native/core/io/ring_layout.h has its layout, lib/io/ring.ts this side of it. */
export interface NativeQueuePair {
  memory(): ArrayBuffer;
  capacity(): number;
  /** The index of the poller that serves it; -1 when only the JavaScript thread does. */
  poller(): number;
  /** Makes commands up to a tail of the submission queue visible. */
  submit(tail: number): void;
  /**
   * Polls the queue pairs of its set, those with the same poller, if the JavaScript thread may: once, and again until
   * something completes, for up to this many microseconds.
   */
  poll(spinUs: number): void;
}

export interface NativeAdminRequest {
  readonly opcode: number;
  readonly nsid: number;
  /** The tag of its namespace, see NativeNamespaceInfo: it is not sent to another one with the id. 0: to any. */
  readonly tag: number;
  readonly cdw10: number;
  readonly cdw11: number;
  readonly cdw12: number;
  readonly cdw13: number;
  readonly cdw14: number;
  readonly cdw15: number;
  readonly data: Uint8Array;
  readonly done: (failure: NativeFailure | null, cdw0: number, data: Buffer) => void;
}

/** What came of a request to abort a command (`AbortOutcome` of native/core/connection/abort_calls.h). */
export type NativeAbortOutcome = 'aborted' | 'notAborted' | 'notFound';

export interface NativeAbortRequest {
  /** Its index in `queuePairs()`. */
  readonly queuePair: number;
  /** The slot in the ring of that queue pair; it is not used again before `done` is called. */
  readonly slot: number;
  readonly done: (outcome: NativeAbortOutcome) => void;
}

interface NativeDetachRequest {
  readonly drainMs: number;
  readonly timeoutMs: number;
  /** Whether `stateChanged` is to be called for the states before `detached`: each call wakes this thread. */
  readonly reportStates: boolean;
  readonly done: (phases: DetachPhases) => void;
}

export interface NativeKeyChangeRequest {
  /** Copied. `dhchapKey` is not empty; `tlsPsk`, `dhchapDigests` and `dhchapGroups` have no effect. */
  readonly keys: NativeKeys;
  readonly timeoutMs: number;
  readonly done: (failure: NativeFailure | null) => void;
}

export interface NativeController {
  /** Identifies a controller in this process, for log lines. */
  id(): number;
  state(): ControllerState;
  /** Returns the phases of the attach, all 0 before it has ended. */
  attachReport(): AttachReport;
  history(): NativeHistoryEvent[];
  stats(): NativeControllerStats;
  info(): ControllerInfo;
  namespaces(): NativeNamespaceInfo[];
  /** Ids above `maxNamespaces`, which SPDK passes over; known some time after the attach. */
  hiddenNamespaces(): number[];
  queuePairs(): NativeQueuePair[];
  /** Returns a function to call when `done` is not waited for any more: a detach then waits for the command no longer, either. */
  admin(request: NativeAdminRequest): () => void;
  abort(request: NativeAbortRequest): void;
  detach(request: NativeDetachRequest): void;
  /**
   * Returns the number of the reset that answers this request with its end, if none with a greater number does. Steps of resets that have
   * ended before may still be on their way.
   */
  reset(): number;
  /**
   * Fails what was published without a connection, after an event from which on JavaScript publishes nothing more: no
   * other thread looks for it soon.
   */
  failSubmitted(): void;
  /**
   * Has the controller authenticate with other DH-HMAC-CHAP keys, now if it is connected, and for each further connection. One
   * call at a time.
   */
  changeKeys(request: NativeKeyChangeRequest): void;
  /** Describes where the threads that work for the controller are; `done` is called within about half a second. */
  stacks(request: { done: (text: string) => void }): void;
  /**
   * Has a discovery controller report changes of its log on the present connection, by `logChanged`; its feature
   * Asynchronous Event Configuration has to be set as well.
   */
  watchLog(): void;
  cancelAttach(): void;
  /** Ends an attach that was cancelled some time ago and that the target may delay indefinitely. */
  forceDisconnect(): void;
  wedge(): void;
}

/** The text of each key, empty if there is none; native code copies them. */
export interface NativeKeys {
  readonly dhchapKey: Uint8Array;
  readonly dhchapControllerKey: Uint8Array;
  readonly tlsPsk: Uint8Array;
  /** A bit for each identifier; 0: all. */
  readonly dhchapDigests: number;
  readonly dhchapGroups: number;
}

export interface NativeAttachRequest {
  readonly transportId: string;
  readonly hostNqn: string;
  readonly hostId: string;
  readonly sourceAddress: string;
  readonly sourcePort: string;
  readonly keys: NativeKeys;
  readonly ioQueues: number;
  readonly queueDepth: number;
  readonly keepAliveMs: number;
  readonly timeoutMs: number;
  readonly polling: PollingMode;
  /** A discovery controller is wanted, which has no I/O queues. */
  readonly discovery: boolean;
  readonly reconnectDelayMs: number;
  /** 2^32 - 1 means no limit. */
  readonly ctrlrLossTimeoutMs: number;
  /** 0: I/O waits as long as attempts are made. */
  readonly fastIoFailTimeoutMs: number;
  readonly stopOnRejection: boolean;
  readonly headerDigest: boolean;
  readonly dataDigest: boolean;
  /** One more than the option's value; 0: not given. */
  readonly transportAckTimeout: number;
  readonly transportRetryCount: number;
  readonly tos: number;
  readonly attached: (failure: NativeFailure | null) => void;
  readonly stateChanged: (state: ControllerState) => void;
  readonly failed: (failure: NativeFailure) => void;
  readonly resetStep: (step: NativeResetStep) => void;
  /** Some queue pair that asked for it by a word of its ring has completions to reap. */
  readonly ioCompleted: () => void;
  /** The result of `namespaces()` or `hiddenNamespaces()` may have changed. */
  readonly namespacesChanged: () => void;
  /** A discovery controller reports that its log has changed, or another one that its ANA log has. */
  readonly logChanged: () => void;
  /** The controller has something in its reservation notification log. */
  readonly reservationsChanged: () => void;
}

/** A region of DMA memory; `id` is what commands name it by. */
export interface NativeRegion {
  readonly id: number;
  readonly memory: ArrayBuffer;
}

export interface NativeEnvironment {
  /** Begins an attach. Null if it failed immediately; `attached` was then already called. */
  attach(request: NativeAttachRequest): NativeController | null;
  /** Allocates a region. Null when there is no memory, or no number for a region, left. */
  allocate(request: { bytes: number }): NativeRegion | null;
  /** Words shared with native/core/io/dma_memory.h: for each region how many commands use it. */
  pins(): ArrayBuffer;
  /**
   * Detaches the memory of a region from every view of it, and frees it before it returns; memory that was transferred
   * elsewhere is freed by the garbage collector.
   */
  detachMemory(id: number, memory: ArrayBuffer): void;
  /** Frees a region that JavaScript lost sight of while a command used it. */
  freeUnpinned(id: number): void;
  pollerStats(): NativePollerStats[];
  memoryUse(): MemoryStats;
  close(request: { timeoutMs: number; closed: (clean: boolean, heldBy: string) => void }): void;
}

export interface NativeOpenRequest {
  readonly name: string;
  readonly memoryMb: number;
  /** Whether it rejects in a process that has started SPDK with less. */
  readonly memoryRequired: boolean;
  readonly pollers: number;
  readonly alwaysSpin: boolean;
  readonly idleSleepUs: number;
  readonly connectConcurrency: number;
  readonly logLevel: number;
  readonly onLog: (line: NativeLogLine) => void;
  readonly opened: (failure: NativeFailure | null, environment?: NativeEnvironment) => void;
}

/** The process's buffers of native/core/base/buffer_pool.h, for one user. They are kept for further use while there is a user. */
export interface NativeBufferPool {
  /** Returns a buffer with any content; null without memory. The memory is used again when nothing can reach it. */
  take(request: { bytes: number }): Buffer | null;
  /** Ends the use of the pool. */
  close(): void;
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
    /** How SPDK, and how DPDK, is linked. */
    readonly linkage: 'static' | 'shared';
    readonly dpdkLinkage: 'static' | 'shared';
    /** The first release that can send the Verify command; empty if this one can. */
    readonly firstWithVerify: string;
  };
  /** A random UUID as 32 hexadecimal digits, the same in all threads of the process. */
  readonly processHostId: string;
  /** The checksum (CRC-16 T10-DIF) of the first `coveredBytes` of each block. */
  guards(data: Uint8Array, blockBytes: number, coveredBytes: number): Uint16Array;
  /** The content of a key of type `user` in the kernel's keyrings, or an errno. The caller wipes it. */
  readKernelKey(request: { readonly description: string; readonly maxBytes: number }): Uint8Array | number;
  readonly BufferPool: new () => NativeBufferPool;
  open(request: NativeOpenRequest): void;
}
