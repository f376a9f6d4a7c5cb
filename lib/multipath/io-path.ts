// An I/O path, to one namespace: a path of the subsystem, and the namespace as its controller has it.

import { eventLoop } from '../internal/event-loop.js';
import { type AnaState, isAccessible, isTransition } from './ana.js';
import type { PathNamespace } from './namespace-operations.js';

/** What an I/O path needs of the path that it leads over. */
export interface IoPathOwner {
  /** Whether the path accepts commands now. */
  readonly usable: boolean;
  /** Whether the path may accept commands later, and operations are to wait for that. */
  readonly returning: boolean;
  readonly preferred: boolean;
  /** Whether its controller has an ANA log. */
  readonly reportsAna: boolean;
  /** The longest ANA transition of its controller. */
  readonly transitionMs: number;
  readonly counts: PathCounts;
  /** Whether the last suspicion of this connection was wrong. */
  readonly falselySuspected: boolean;
  /** A command found it without a connection. */
  suspect(): void;
  /** A command was rejected because its ANA state is another one. */
  readAna(): void;
  /** The Command Retry Delay Time of a number from 1 to 3. */
  retryDelayMs(crd: number): number;
}

/** How many operations a path was chosen for. */
export interface PathCounts {
  sent: number;
  failedOver: number;
}

/** A path and a namespace (SPDK's bdev_nvme calls it an I/O path). */
export class IoPath<Owner extends IoPathOwner = IoPathOwner> {
  readonly path: Owner;
  readonly namespace: PathNamespace;
  /** Operations that were sent over it and have not ended. */
  outstanding = 0;
  #ana: AnaState;
  /** Whether a command was rejected because of the state, which is not used before the log has been read. */
  #stale = false;
  #overdue = false;
  #timer: NodeJS.Timeout | undefined;
  readonly #changed: () => void;

  constructor(path: Owner, namespace: PathNamespace, ana: AnaState, changed: () => void) {
    this.path = path;
    this.namespace = namespace;
    this.#changed = changed;
    this.#ana = ana;
    this.setAna(ana);
  }

  get ana(): AnaState {
    return this.#ana;
  }

  /** Whether a command may be sent over it now. */
  get usable(): boolean {
    return this.path.usable && !this.#stale && isAccessible(this.#ana);
  }

  /** Whether operations are to wait for it. */
  get returning(): boolean {
    if (!this.path.usable) return this.path.returning;
    return (this.#stale || isTransition(this.#ana)) && !this.#overdue;
  }

  /** The state that the controller reports. */
  setAna(state: AnaState): void {
    // Each transition has its own time: a path may have been inaccessible for long, and be about to change now.
    if (!isTransition(state) || state !== this.#ana) this.end();
    this.#stale = false;
    this.#ana = state;
    if (isTransition(state)) this.#limitWait();
  }

  /** Reads the state again, because a command was rejected for it. Until then the I/O path is not used. */
  doubt(): void {
    if (this.#stale) return;
    this.#stale = true;
    this.#limitWait();
    // The rejected commands go out first, over another path.
    eventLoop.setImmediate(() => this.path.readAna());
    this.#changed();
  }

  /** Operations wait for another state, or for a log that cannot be read, as long as a transition may take. */
  #limitWait(): void {
    this.#timer ??= eventLoop
      .setTimeout(() => {
        this.#overdue = true;
        this.#changed();
      }, this.path.transitionMs)
      .unref();
  }

  /** Ends the wait for another state, if there is one. */
  end(): void {
    eventLoop.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#overdue = false;
  }
}
