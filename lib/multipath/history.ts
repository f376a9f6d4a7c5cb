// The history of a subsystem: what its paths did.

import type { SpdkErrorCode } from '../errors/catalogue.js';
import { eventLoop } from '../internal/event-loop.js';

/**
 * - `path`: a path was added, came up, went down, failed or was removed
 * - `ana`: the ANA state of a namespace on a path changed
 * - `failover`: a namespace of an `active-passive` subsystem uses another path
 * - `no-path`: operations of a namespace wait for a path, or end because there is none
 * - `note`: a path has a namespace that is not the one of the other paths, or has another size; or a listed path cannot be added
 */
export type SubsystemHistoryKind = 'path' | 'ana' | 'failover' | 'no-path' | 'note';

/** An event in the history of a subsystem. The paths' controllers have histories of their own. */
export interface SubsystemHistoryEvent {
  readonly kind: SubsystemHistoryKind;
  readonly text: string;
  /** The time in milliseconds since 1970, as of `Date.now()`. */
  readonly wallMs: number;
  /** The time in milliseconds of the clock of `process.hrtime()`, as in `controller.history`. */
  readonly monotonicMs: number;
  /** The code of an error. */
  readonly code?: SpdkErrorCode;
}

const maxEvents = 128;

/** The latest events. */
export class SubsystemHistory {
  readonly #events: SubsystemHistoryEvent[] = [];

  get events(): readonly SubsystemHistoryEvent[] {
    return [...this.#events];
  }

  add(kind: SubsystemHistoryKind, text: string, code?: SpdkErrorCode): void {
    if (this.#events.length === maxEvents) this.#events.shift();
    const event = {
      kind,
      text,
      wallMs: eventLoop.wallNow(),
      monotonicMs: Number(process.hrtime.bigint()) / 1e6,
      ...(code && { code }),
    };
    this.#events.push(Object.freeze(event));
  }
}
