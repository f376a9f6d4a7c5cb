// Events that wait until their listener can have been added.

/**
 * Keeps what is to be announced until whoever asked for an object has it, and may have added listeners. Everything is
 * announced in the order it happened, and nothing is lost: not by a listener that throws either.
 */
export class HeldEvents {
  readonly #waiting: (() => void)[] = [];
  #held = true;
  #announcing = false;

  /** Announces now, or later if events are still held or others come first. */
  announce(event: () => void): void {
    this.#waiting.push(event);
    if (!this.#held && !this.#announcing) this.#announceAll();
  }

  /**
   * To be called with the answer that hands the object over. Everything that follows from that answer at once, in
   * microtasks, comes before the first event.
   */
  release(): void {
    setImmediate(() => {
      this.#held = false;
      this.#announceAll();
    });
  }

  #announceAll(): void {
    this.#announcing = true;
    try {
      for (let event = this.#waiting.shift(); event; event = this.#waiting.shift()) event();
    } finally {
      this.#announcing = false;
      // A listener threw, which is the program's to deal with; the rest follows all the same.
      if (this.#waiting.length > 0) setImmediate(() => this.#announceAll());
    }
  }
}
