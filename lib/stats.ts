import type { Controller } from './controller.js';

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

/** `ControllerStats` of native/core/stats.h. */
export interface NativeControllerStats {
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

/** What a controller's I/O queue pairs have done since they were connected. Admin commands are not counted. */
export interface ControllerStats extends NativeControllerStats {
  /** Operations accepted and not ended, those that wait for room in a queue too. */
  readonly pending: number;
}

/** `PollerStats` of native/core/stats.h. */
export interface NativePollerStats {
  /** Times it polled the queue pairs of a controller. */
  readonly polls: number;
  /** Those of them that found nothing completed. */
  readonly idlePolls: number;
  readonly completions: number;
  readonly sleeps: number;
  /** Controllers whose queue pairs it serves now. */
  readonly controllers: number;
}

/** What one poller thread has done since the environment was opened. */
export interface PollerStats extends NativePollerStats {
  /** What `queuePair.poller` says; the thread is called `spdk-poll-` and this. */
  readonly index: number;
  /** Operations accepted and not ended on the queue pairs that it serves. */
  readonly pending: number;
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

/** What `env.stats()` gives. All counts only grow, but `outstanding`, `pending`, `controllers` and those of memory. */
export interface EnvironmentStats {
  readonly memory: MemoryStats;
  readonly pollers: readonly PollerStats[];
  /** One for each of `env.controllers`. */
  readonly controllers: readonly (ControllerStats & { readonly controller: Controller })[];
}

/** @internal */
export function environmentStats(
  memory: MemoryStats,
  pollers: readonly NativePollerStats[],
  controllers: readonly Controller[],
): EnvironmentStats {
  const queuePairs = controllers.flatMap((controller) => controller.queuePairs);
  const pendingOf = (index: number) =>
    queuePairs.reduce((sum, { poller, pending }) => sum + (poller === index ? pending : 0), 0);
  return {
    memory,
    pollers: pollers.map((stats, index) => ({ index, pending: pendingOf(index), ...stats })),
    controllers: controllers.map((controller) => ({ controller, ...controller.stats() })),
  };
}
