// The history of a controller in memory.

import { eventLoop } from '../internal/event-loop.js';
import type { NativeHistoryEvent } from '../native/contract.js';

const kept = 64;

/** native/core/diagnostics/history.h, without SPDK's log. */
export class MemoryHistory {
  readonly #events: NativeHistoryEvent[] = [];

  add(kind: string, text: string, code = ''): void {
    const times = { wallMs: eventLoop.wallNow(), monotonicMs: eventLoop.now() };
    this.#events.push({ kind, text, code, level: 0, source: '', ...times });
    if (this.#events.length > kept) this.#events.shift();
  }

  events(): NativeHistoryEvent[] {
    return [...this.#events];
  }
}
