// The cases of the section on many controllers.

/** The results of one process with a number of controllers over TCP. */
export interface ScaleResult {
  /** The time in which all attach at the same time, with the default `connectConcurrency`. */
  readonly attachMs: number;
  readonly detachMs: number;
  /** What the controllers added. */
  readonly residentBytes: number;
  readonly hugepageBytes: number;
  /** The threads of the process, and those of them that the package has started. */
  readonly threads: number;
  readonly ownThreads: number;
  readonly descriptors: number;
  /** While the controllers are idle: the share of one core, and how often the package's threads began to sleep. */
  readonly idlePercent: number;
  readonly wakeUpsPerSecond: number;
  /** The number of 4 KiB reads that are outstanding on each controller. */
  readonly depth: number;
  readonly readsPerSecond: number;
}

export interface ScaleRow extends ScaleResult {
  readonly controllers: number;
}

export const scaleCases: readonly number[] = [1, 4, 16, 64, 256];

/** The same in the fabric, where each attach is emulated. */
export const guestCases: readonly number[] = [1, 64];

/** The rows of the fabric, with the same target over both transports: over TCP they can be compared with the host's. */
export interface GuestScale {
  readonly rdma: readonly ScaleRow[];
  readonly tcp: readonly ScaleRow[];
}

/** Outstanding reads of all controllers together, where there are fewer controllers than that. */
export const outstandingReads = 128;
