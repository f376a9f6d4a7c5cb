// The order in which queue pairs get bounce memory.

/** What can wait for bounce memory: a queue pair's submission queue. */
export interface MemoryWaiter {
  /** The queue that it waits in; it starts nothing that needs memory meanwhile. */
  waitsIn: MemoryWaitQueue | undefined;
  /** Called in its turn: it may take memory for one command. If there is still too little, it waits again. */
  useRoom(): void;
  /** Called when it has left the queue: it may go on as usual. */
  fill(): void;
}

/**
 * The waiters for bounce memory, in order. Each gets memory for one command at a time and goes to the end of the
 * queue for more, so that no queue pair starves another; and none overtakes one that waits for a large piece.
 */
export class MemoryWaitQueue {
  readonly #waiters = new Set<MemoryWaiter>();
  #turn: MemoryWaiter | undefined;

  /** Whether a waiter may take memory now, because no other waiter is before it. */
  lets(waiter: MemoryWaiter): boolean {
    return this.#waiters.size === 0 || this.#turn === waiter;
  }

  /** Adds a waiter. One whose turn it is keeps its place. */
  add(waiter: MemoryWaiter): void {
    this.#waiters.add(waiter);
    waiter.waitsIn = this;
  }

  remove(waiter: MemoryWaiter): void {
    waiter.waitsIn = undefined;
    if (this.#waiters.delete(waiter)) this.serve();
  }

  /** Gives memory that was returned to the waiters. */
  serve(): void {
    for (const waiter of this.#waiters) {
      waiter.waitsIn = undefined;
      this.#turn = waiter;
      waiter.useRoom();
      this.#turn = undefined;
      const queue = queueOf(waiter);
      if (queue === this) return;
      this.#waiters.delete(waiter);
      // A waiter may wait in another queue now.
      if (queue === undefined) waiter.fill();
    }
  }
}

/** A function, because the compiler would assume the value that was assigned last. */
function queueOf(waiter: MemoryWaiter): MemoryWaitQueue | undefined {
  return waiter.waitsIn;
}
