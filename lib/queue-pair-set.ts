// The I/O queue pairs of one controller, which reject, are reaped and end together.

import { SpdkError } from './errors/spdk-error.js';
import { CompletionLoop } from './io/completion-loop.js';
import type { IoCounts, IoLimits } from './io/submission-queue.js';
import type { NativeAbortRequest, NativeController } from './native/contract.js';
import type { PollingMode } from './options/attach.js';
import { checkQueuePair, QueuePair, type QueuePairServices } from './queue-pair.js';

/** The queue pairs of a controller, and the loop that reaps their completions. */
export class QueuePairSet {
  readonly all: readonly QueuePair[];
  readonly #loop: CompletionLoop;

  constructor(
    native: NativeController,
    polling: PollingMode,
    services: Omit<QueuePairServices, 'polls' | 'busy' | 'resumePolling' | 'abort'>,
  ) {
    this.#loop = new CompletionLoop(polling);
    const all = {
      ...services,
      polls: polling !== 'threads',
      busy: this.#loop.setBusy.bind(this.#loop),
      resumePolling: this.#loop.resumePolling.bind(this.#loop),
      abort: (request: NativeAbortRequest) => native.abort(request),
    };
    this.all = Object.freeze(native.queuePairs().map((pair, index) => QueuePair.create(pair, index, all)));
    this.#loop.start(this.all);
  }

  /** Operations that have not settled. */
  get pending(): number {
    return this.all.reduce((sum, { pending }) => sum + pending, 0);
  }

  /** How many operations have ended, for the report of a detach. */
  get counts(): Readonly<IoCounts> {
    let completed = 0;
    let aborted = 0;
    for (const { counts } of this.all) {
      completed += counts.completed;
      aborted += counts.aborted;
    }
    return { completed, aborted };
  }

  /** The limits of operations on the chosen queue pair, or on the least busy one. */
  limitsFor(chosen: unknown): IoLimits {
    if (chosen === undefined) return this.#leastBusy().queue.limits;
    const queuePair = checkQueuePair(chosen);
    if (this.all[queuePair.index] !== queuePair) {
      throw new SpdkError('ERR_SPDK_FOREIGN_QUEUE_PAIR', 'The queue pair belongs to another controller');
    }
    return queuePair.queue.limits;
  }

  /** Reaps the completions of every queue pair. */
  reap(): void {
    this.#loop.reapAll();
  }

  /** Sends the operations that were started in this turn of JavaScript. */
  publish(): void {
    for (const queuePair of this.all) queuePair.publish();
  }

  /** Rejects operations with this error from now on; null accepts them again. */
  rejectNew(why: (() => SpdkError) | null): void {
    for (const queuePair of this.all) queuePair.rejectNew(why);
  }

  /** Settles all remaining operations of queue pairs that no longer exist, and returns their number. See {@link QueuePair.failPending}. */
  failPending(why: (what: string) => SpdkError, gone: boolean): number {
    let left = 0;
    for (const queuePair of this.all) left += queuePair.failPending(why, gone);
    this.#loop.stop();
    return left;
  }

  #leastBusy(): QueuePair {
    let best = this.all[0] as QueuePair;
    // Most controllers have one, for which nothing is compared.
    for (let i = 1; i < this.all.length; i++) {
      const queuePair = this.all[i] as QueuePair;
      if (queuePair.open && (!best.open || queuePair.pending < best.pending)) best = queuePair;
    }
    return best;
  }
}
