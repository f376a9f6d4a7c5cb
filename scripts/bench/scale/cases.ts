/** What one process with so many controllers over TCP came to. */
export interface ScaleResult {
  /** All at once, with the default `connectConcurrency`. */
  readonly attachMs: number;
  readonly detachMs: number;
  /** What the controllers added. */
  readonly residentBytes: number;
  readonly hugepageBytes: number;
  /** Of the process, and of those that the package has started. */
  readonly threads: number;
  readonly ownThreads: number;
  readonly descriptors: number;
  /** While nothing is asked of the controllers: of one core, and sleeps that the package's threads began. */
  readonly idlePercent: number;
  readonly wakeUpsPerSecond: number;
  /** 4 KiB reads, so many of them outstanding on each controller. */
  readonly depth: number;
  readonly readsPerSecond: number;
}

export interface ScaleRow extends ScaleResult {
  readonly controllers: number;
}

export const scaleCases: readonly number[] = [1, 4, 16, 64, 256];

/** Outstanding reads of all controllers together, where there are fewer controllers than that. */
export const outstandingReads = 128;
