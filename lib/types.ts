// Shapes of what the package gives to programs: plain data, which native code fills in for the most part.

/** The states of `ControllerState` in native/core/controller/controller_state.h, which is where they change. */
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

/** How a detach went. */
export interface DetachReport extends DetachPhases {
  /** Operations that were outstanding when the detach began, and ended with the controller's answer. */
  readonly completed: number;
  /** Operations that were outstanding and were aborted. */
  readonly aborted: number;
}

/** How a reset went. */
export interface ResetReport {
  /** Attempts to connect, including the one that succeeded. */
  readonly attempts: number;
  /** Ending the old connection, in milliseconds. */
  readonly disconnectMs: number;
  /** From then on until the new one was there, pauses between tries too. */
  readonly connectMs: number;
  readonly totalMs: number;
}

/** What SPDK itself counted for one RDMA device, or for `tcp`, since the queue pairs were connected. */
export interface TransportStats {
  /** The name of the RDMA device, or `tcp`. */
  readonly name: string;
  /**
   * For RDMA `polls`, `idlePolls`, `completions`, `queuedRequests`, `sends`, `sendDoorbells`, `receives` and
   * `receiveDoorbells`; for TCP `polls`, `idlePolls`, `socketCompletions`, `completions`, `submittedRequests` and
   * `queuedRequests`.
   */
  readonly counts: Readonly<Record<string, number>>;
}

/** What a controller's I/O queue pairs have done since they were connected. Admin commands are not counted. */
export interface ControllerStats {
  /** Operations accepted and not ended, those that wait for room in a queue too. */
  readonly pending: number;
  /** Commands that the controller has and has not answered. */
  readonly outstanding: number;
  /** Commands that ended with the controller's answer. */
  readonly completed: number;
  /** Those of them whose answer was an error. */
  readonly failed: number;
  /** Commands that were aborted, by a detach or with their queue pair. */
  readonly aborted: number;
  /** Times the queue pairs were polled. */
  readonly polls: number;
  /** Those of them that found nothing completed. */
  readonly idlePolls: number;
  /** Polls that were put off because another thread had the linger lock to itself. */
  readonly lockWaits: number;
  /** Times the exclusive side of the linger lock was taken. */
  readonly lingerLocks: number;
  /** Those of them that had to wait for a thread that polled. */
  readonly lingerWaits: number;
  /**
   * One entry for each poller and device, on SPDK v22.05 and later; empty before, after a detach, and at a moment when
   * the linger lock is held.
   */
  readonly transport: readonly TransportStats[];
}

/** What one poller thread has done since the environment was opened. */
export interface PollerStats {
  /** What `queuePair.poller` says; the thread is called `spdk-poll-` and this. */
  readonly index: number;
  /** Operations accepted and not ended on the queue pairs that it serves. */
  readonly pending: number;
  /** Times it polled the queue pairs of a controller. */
  readonly polls: number;
  /** Those of them that found nothing completed. */
  readonly idlePolls: number;
  readonly completions: number;
  readonly sleeps: number;
  /** Controllers whose queue pairs it serves now. */
  readonly controllers: number;
}

/** The memory that DPDK has taken from the machine's hugepages; SPDK and all buffers of this process share it. */
export interface MemoryStats {
  /** At first `memoryMb`. DPDK takes more when that does not do, as long as the machine has free hugepages. */
  readonly totalBytes: number;
  /** What of it is in use. */
  readonly usedBytes: number;
  /** The largest piece of it that is free. */
  readonly largestFreeBytes: number;
}
