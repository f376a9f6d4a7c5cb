// One writer at a time for each block of a disk.

import { waitFor } from '../internal/pending-call.js';
import { type OrderedWrite, WriteOrder } from '../io/write-order.js';
import { maxTimerMs } from '../options/common.js';

/** A writer that has its range, or waits for it. */
class Writer implements OrderedWrite<Writer> {
  readonly position: number;
  readonly length: number;
  ordered = false;
  earlier: Writer | undefined = undefined;
  later: Writer | undefined = undefined;
  before = 0;
  after: Writer[] | undefined = undefined;
  /** Called when its turn has come. */
  begin: () => void = () => {};

  constructor(position: number, length: number) {
    this.position = position;
    this.length = length;
  }
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
  readonly #order = new WriteOrder<Writer>();

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
    const writer = new Writer(first, end - first);
    try {
      if (!this.#order.enter(writer)) await turn(writer, limits);
      return await work();
    } finally {
      for (const next of this.#order.leave(writer)) next.begin();
    }
  }
}

function turn(writer: Writer, { what, timeoutMs, signal }: LockLimits): Promise<void> {
  const begun = new Promise<void>((resolve) => {
    writer.begin = resolve;
  });
  return waitFor(begun, {
    what,
    timeoutMs: timeoutMs ?? maxTimerMs,
    timeoutCode: 'ERR_SPDK_TIMEOUT',
    timeoutHint: 'Earlier writes of the same blocks have not completed. This one was not sent.',
    signal,
  });
}
