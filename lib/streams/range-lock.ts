// One writer at a time for each block of a disk.

import { waitFor } from '../internal/pending-call.js';
import { maxTimerMs } from '../options/common.js';

interface HeldRange {
  readonly first: number;
  /** The byte after the range. */
  readonly end: number;
  readonly ended: Promise<void>;
}

/** How long a writer may wait for its turn. */
export interface LockLimits {
  /** For messages, as in 'Writing 10 bytes at 3'. */
  readonly what: string;
  readonly timeoutMs: number | undefined;
  readonly signal: AbortSignal | undefined;
}

const locks = new WeakMap<object, RangeLock>();

/**
 * Makes writers of the same bytes run one after the other, in the order of their calls. Writers of different bytes do
 * not wait for each other. No writer waits for a later one, so there is no deadlock.
 */
export class RangeLock {
  readonly #held = new Set<HeldRange>();

  /** The lock that all writers of this disk object share. */
  static of(disk: object): RangeLock {
    let lock = locks.get(disk);
    if (!lock) {
      lock = new RangeLock();
      locks.set(disk, lock);
    }
    return lock;
  }

  /**
   * Does the work once all earlier writers of these bytes have ended.
   * @throws {SpdkError} ERR_SPDK_TIMEOUT or ERR_SPDK_ABORTED, without doing the work; or the error of the work
   */
  async hold<Result>(
    first: number,
    end: number,
    limits: LockLimits,
    work: () => Promise<Result>,
  ): Promise<Result> {
    const earlier = [...this.#held].filter((other) => other.first < end && first < other.end);
    let release = (): void => {};
    const range = { first, end, ended: new Promise<void>((resolve) => (release = resolve)) };
    this.#held.add(range);
    try {
      if (earlier.length > 0) await turn(earlier, limits);
      return await work();
    } finally {
      this.#held.delete(range);
      release();
    }
  }
}

function turn(earlier: readonly HeldRange[], { what, timeoutMs, signal }: LockLimits): Promise<unknown> {
  return waitFor(Promise.all(earlier.map(({ ended }) => ended)), {
    what,
    timeoutMs: timeoutMs ?? maxTimerMs,
    timeoutCode: 'ERR_SPDK_TIMEOUT',
    timeoutHint: 'Earlier writes of the same blocks have not completed. This one was not sent.',
    signal,
  });
}
