// Events that wait until their listener can have been added.

import { eventLoop, throwUncaught } from './event-loop.js';

/**
 * Holds events of an object until the caller that requested the object has it and may have added listeners. Events
 * are emitted in the order in which they happened, and none is lost, also if a listener throws: its error is the program's
 * (`uncaughtException`), and the caller goes on.
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
   * Emits the held events. Called together with resolving the promise of the object. Microtasks that follow from resolving it run
   * before the first event.
   */
  release(): void {
    eventLoop.setImmediate(() => {
      this.#held = false;
      this.#announceAll();
    });
  }

  #announceAll(): void {
    this.#announcing = true;
    for (let event = this.#waiting.shift(); event; event = this.#waiting.shift()) {
      try {
        event();
      } catch (error) {
        throwUncaught(error);
      }
    }
    this.#announcing = false;
  }
}
