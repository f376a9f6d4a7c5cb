// Types of the plain data that programs receive, most of which native code fills in.

/** The states of a controller, as in native/core/controller/controller_state.h. */
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

/** The description of a controller from its attach or latest reset (NVMe base specification, Identify Controller). */
export interface ControllerInfo {
  readonly model: string;
  readonly serial: string;
  readonly firmware: string;
  /** The NQN that the controller reports. */
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
  /** I/O queues that the target granted, at most as many as were requested. */
  readonly ioQueues: number;
  /** Entries of each I/O queue. */
  readonly queueDepth: number;
}

/** End-to-end data protection of a namespace. */
export interface NamespaceProtection {
  /** The NVMe type, 1 to 3; 0 for none. */
  readonly type: number;
  /** Whether protection information is in the first or in the last bytes of a block's metadata. */
  readonly place: 'none' | 'first' | 'last';
  /** Bits of its checksum: 16, 32 or 64; 0 for no protection. */
  readonly guardBits: number;
}

/** Preferred sizes of a namespace in bytes; 0 if the controller reports none. */
export interface OptimalSizes {
  /** Commands that cross a multiple of it are slower; SPDK splits commands there. */
  readonly ioBoundary: number;
  readonly writeGranularity: number;
  readonly writeAlignment: number;
  readonly writeSize: number;
  readonly deallocateGranularity: number;
  readonly deallocateAlignment: number;
}

/** The optional commands that both the controller and the linked SPDK support. */
export interface SupportedCommands {
  readonly compare: boolean;
  readonly writeZeroes: boolean;
  readonly deallocate: boolean;
  readonly verify: boolean;
  readonly writeUncorrectable: boolean;
  readonly compareAndWrite: boolean;
  readonly copy: boolean;
}

/** The limits of one `copy()`; all 0 if the controller has no Copy command. */
export interface CopyLimits {
  /** Source ranges. */
  readonly ranges: number;
  /** Blocks of one source range. */
  readonly rangeBlocks: number;
  /** Blocks of all of them. */
  readonly blocks: number;
}

/** The controller's description of a namespace. */
export interface NamespaceInfo {
  readonly id: number;
  readonly blocks: number;
  /** Bytes of data in a block. */
  readonly blockSize: number;
  /** Bytes of metadata for each block, which are not part of `blockSize`. */
  readonly metadataSize: number;
  /**
   * Whether the controller transfers metadata with the data of its block or in a separate buffer; the latter cannot be done over fabrics.
   */
  readonly metadata: 'none' | 'interleaved' | 'separate';
  readonly protection: NamespaceProtection;
  readonly optimal: OptimalSizes;
  readonly supports: SupportedCommands;
  /** The maximum number of blocks of `compareAndWrite()`; 0 if the controller does not support it. */
  readonly compareAndWriteBlocks: number;
  readonly copyLimits: CopyLimits;
  /** UUID in the form 8-4-4-4-12; empty if the controller reports none. */
  readonly uuid: string;
  /** Namespace Globally Unique Identifier in hexadecimal; empty if the controller reports none. */
  readonly nguid: string;
  /** IEEE Extended Unique Identifier in hexadecimal; empty if the controller reports none. */
  readonly eui64: string;
}

/** How long each phase of an attach took, in milliseconds. An attempt that is repeated adds to them. */
export interface AttachReport {
  /** Waiting: for a thread, for other controllers that connect (`connectConcurrency`), or before another attempt. */
  readonly waitMs: number;
  /** Checking whether the address responds; skipped if it has responded within the last second. */
  readonly addressMs: number;
  /** Connecting the admin queue and initialising the controller. */
  readonly controllerMs: number;
  /** Connecting the I/O queue pairs. */
  readonly queuePairsMs: number;
  /** Reading the description of the controller and its namespaces, and assigning the queue pairs to the threads that poll them. */
  readonly describeMs: number;
  readonly totalMs: number;
}

/** How long each phase of a detach took, in milliseconds. */
export interface DetachPhases {
  /** Waiting for outstanding I/O and admin commands. */
  readonly drainMs: number;
  /** Until every queue pair had begun to disconnect. */
  readonly disconnectMs: number;
  /** Until every queue pair was quiet and freed. */
  readonly lingerMs: number;
  /** Shutting the controller down and freeing it. */
  readonly destroyMs: number;
  readonly totalMs: number;
}

/** The result of a detach. */
export interface DetachReport extends DetachPhases {
  /** Operations that were outstanding when the detach began and that the controller completed. */
  readonly completed: number;
  /** Operations that were outstanding and were aborted. */
  readonly aborted: number;
}

/** The result of a reset. */
export interface ResetReport {
  /** Attempts to connect, including the one that succeeded. */
  readonly attempts: number;
  /** Ending the old connection, in milliseconds. */
  readonly disconnectMs: number;
  /** From then until the new connection was established, including pauses between attempts. */
  readonly connectMs: number;
  readonly totalMs: number;
}

/** SPDK's own counters for one RDMA device or for `tcp`, since the queue pairs were connected. */
export interface TransportStats {
  /** The name of the RDMA device, or `tcp`. */
  readonly name: string;
  /**
   * For RDMA `polls`, `idlePolls`, `completions`, `queuedRequests`, `sends`, `sendDoorbells`, `receives` and
   * `receiveDoorbells`; for TCP `polls`, `idlePolls`, `completions`, `socketCompletions`,
   * `submittedRequests` and `queuedRequests`.
   */
  readonly counts: Readonly<Record<string, number>>;
}

/**
 * Latencies of commands in microseconds, from when the polling thread took a command until it completed. Each value is
 * the upper end of a bucket, at most an eighth above the measured one; 0 if nothing was measured.
 */
export interface LatencyStats {
  readonly count: number;
  readonly p50Us: number;
  readonly p90Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
  readonly maxUs: number;
  /** Commands that took less than `endUs`, and not less than `endUs` of the entry before. Only entries with commands. */
  readonly buckets: readonly { readonly endUs: number; readonly count: number }[];
}

/** Counters of a controller's I/O queue pairs since they were connected. Admin commands are not counted. */
export interface ControllerStats {
  /** Operations that have not settled, including those that wait for room in a queue. */
  readonly pending: number;
  /** Commands that were sent and have not completed. */
  readonly outstanding: number;
  /** Commands that the controller completed. */
  readonly completed: number;
  /** How many of these completed with an error. */
  readonly failed: number;
  /** Commands that were aborted by a detach or with their queue pair. */
  readonly aborted: number;
  /** Reads that succeeded, and their bytes. A command of a batch counts as one. An operation with a promise counts as one, or if its data is copied, as one for each MiB or part of one. */
  readonly reads: number;
  readonly bytesRead: number;
  /** Writes that succeeded, and their bytes. */
  readonly writes: number;
  readonly bytesWritten: number;
  /** Latencies of the commands that the controller completed. */
  readonly latency: LatencyStats;
  /** How often the queue pairs were polled. */
  readonly polls: number;
  /** How many of these polls found no completion. */
  readonly idlePolls: number;
  /** Polls that were postponed because another thread held the linger lock exclusively. */
  readonly lockWaits: number;
  /** How often the linger lock was held exclusively. */
  readonly lingerLocks: number;
  /** How often that had to wait for a polling thread. */
  readonly lingerWaits: number;
  /**
   * One entry for each poller and device, with SPDK v22.05 and later. Empty with earlier releases, after a detach, and
   * while the linger lock is held.
   */
  readonly transport: readonly TransportStats[];
}

/** Counters of one poller thread since the environment was opened. */
export interface PollerStats {
  /** The number in `queuePair.poller` and in the thread's name, `spdk-poll-N`. */
  readonly index: number;
  /** Operations that have not settled on the queue pairs that it serves. */
  readonly pending: number;
  /** How often it polled the queue pairs of a controller. */
  readonly polls: number;
  /** How many of these polls found no completion. */
  readonly idlePolls: number;
  readonly completions: number;
  readonly sleeps: number;
  /** The number of controllers whose queue pairs it serves now. */
  readonly controllers: number;
}

/** The hugepage memory that DPDK has reserved; SPDK and all buffers of this process share it. */
export interface MemoryStats {
  /** `memoryMb` at first. DPDK reserves more when needed, as long as the machine has free hugepages. */
  readonly totalBytes: number;
  /** The part of it that is in use. */
  readonly usedBytes: number;
  /** The largest piece of it that is free. */
  readonly largestFreeBytes: number;
  /** The part that buffers of this environment take: those of `allocate()`, and those that data is copied through. */
  readonly ownBytes: number;
  /** How many pieces of memory these are: at most 65536. */
  readonly ownBuffers: number;
}
