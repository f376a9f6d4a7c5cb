// Who looks for completions, and when.

/** A queue pair, as far as its completions go. */
export interface Reaped {
  /** Takes what has completed. */
  reap(): void;
}

/** How often an idle queue pair that nobody else polls is looked at, so that a lost connection is noticed. */
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

  /** Takes what has completed on every queue pair. */
  reapAll(): void {
    for (const queuePair of this.#queuePairs) queuePair.reap();
  }

  /** Operations are pending on a queue pair, or none any more. */
  setBusy(queuePair: Reaped, busy: boolean): void {
    // A timer that was made now would keep the process alive, and nobody would end it.
    if (this.#stopped) return;
    if (busy) this.#busy.add(queuePair);
    else this.#busy.delete(queuePair);
    if (this.#inline) {
      this.#turn ??= this.#busy.size > 0 ? setImmediate(this.#poll) : undefined;
    } else if (this.#busy.size > 0) {
      // Made once and then only held and let go, since depth 1 does that for every operation.
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
