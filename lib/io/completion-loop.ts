// Who looks for completions, and when.

/** A queue pair, as far as its completions go. */
export interface Reaped {
  /** Reaps completions. */
  reap(): void;
}

/** How often an idle queue pair that only this thread polls is polled, so that a lost connection is noticed. */
const idlePollMs = 20;
/** Far beyond any operation: it only keeps the event loop alive. */
const forever = 2 ** 30;

/**
 * Sees to it that completions are reaped while operations are pending. Poller threads call for it when there are
 * some; a queue pair that the JavaScript thread serves is polled from the event loop, once a turn.
 */
export class CompletionLoop {
  readonly #inline: boolean;
  readonly #queuePairs: Reaped[] = [];
  readonly #busy = new Set<Reaped>();
  #turn: NodeJS.Immediate | undefined;
  #idle: NodeJS.Timeout | undefined;
  #keepAlive: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(inline: boolean) {
    this.#inline = inline;
  }

  start(queuePairs: readonly Reaped[]): void {
    this.#queuePairs.push(...queuePairs);
    if (!this.#inline) return;
    this.#idle = setInterval(() => this.reapAll(), idlePollMs).unref();
  }

  /** Reaps the completions of every queue pair. */
  reapAll(): void {
    for (const queuePair of this.#queuePairs) queuePair.reap();
  }

  /** A queue pair now has pending operations, or no longer has any. */
  setBusy(queuePair: Reaped, busy: boolean): void {
    // A timer created now would keep the process alive, and nothing would end it.
    if (this.#stopped) return;
    if (busy) this.#busy.add(queuePair);
    else this.#busy.delete(queuePair);
    if (this.#inline) {
      this.#turn ??= this.#busy.size > 0 ? setImmediate(this.#poll) : undefined;
    } else if (this.#busy.size > 0) {
      // Created once and then only referenced and unreferenced, which depth 1 does for every operation.
      this.#keepAlive ??= setInterval(() => {}, forever);
      this.#keepAlive.ref();
    } else {
      this.#keepAlive?.unref();
    }
  }

  stop(): void {
    this.#stopped = true;
    clearInterval(this.#idle);
    clearInterval(this.#keepAlive);
    if (this.#turn) clearImmediate(this.#turn);
    this.#busy.clear();
    this.#turn = undefined;
  }

  readonly #poll = (): void => {
    this.#turn = undefined;
    for (const queuePair of this.#busy) queuePair.reap();
    if (this.#busy.size > 0) this.#turn ??= setImmediate(this.#poll);
  };
}
