// What keeps the process alive while something is pending.

import { eventLoop } from './event-loop.js';

/** @internal Far beyond any operation: its turns do nothing. */
export const forever = 2 ** 30;
let timer: NodeJS.Timeout | undefined;
let holders = 0;

/**
 * Keeps the process alive while it is set. All share one timer, which is only referenced and unreferenced: operations at
 * depth 1 do that each.
 */
export class ProcessHold {
  #held = false;

  set(held: boolean): void {
    if (held === this.#held) return;
    this.#held = held;
    holders += held ? 1 : -1;
    timer ??= eventLoop.setInterval(() => {}, forever);
    if (holders === 0) timer.unref();
    else if (held && holders === 1) timer.ref();
  }
}
