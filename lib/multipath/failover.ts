// The attempts of one request that may be sent over several paths.

import type { CommandFailure } from '../errors/command-status.js';
import type { IoRequest, RequestFailover } from '../io/request.js';
import type { Attempted } from '../io/request-end.js';
import type { OrderedWrite } from '../io/write-order.js';
import type { IoPath } from './io-path.js';

/** The object that decides where a request goes. */
export interface FailoverOwner {
  /** As {@link RequestFailover.retry}. */
  retry(failover: Failover, failure: CommandFailure): boolean;
  settled(failover: Failover): void;
}

const none: readonly IoPath[] = [];

/** Which path a request is on, and its attempts so far. */
export class Failover implements RequestFailover, OrderedWrite<Failover> {
  readonly request: IoRequest;
  attempts = 0;
  attempted: Attempted = 'nothing';
  accepted = false;
  /** Attempts that a path rejected, though it was up. */
  rejections = 0;
  /** The paths that no longer have the namespace. */
  absentFrom: readonly IoPath[] = none;
  /** The paths that are chosen only if there is no other one: these, and the one that rejected the last attempt. */
  avoided: readonly IoPath[] = none;
  /** Attempts that ended with an ANA status, after which the log was read. */
  anaStatuses = 0;
  /** Repetitions that a controller asked for. */
  repetitions = 0;

  // For WriteOrder.
  ordered = false;
  earlier: Failover | undefined = undefined;
  later: Failover | undefined = undefined;
  before = 0;
  after: Failover[] | undefined = undefined;

  readonly #owner: FailoverOwner;
  #on: IoPath | undefined = undefined;

  constructor(owner: FailoverOwner, request: IoRequest) {
    this.#owner = owner;
    this.request = request;
  }

  get position(): number {
    return this.request.position;
  }

  get length(): number {
    return this.request.length;
  }

  /** Records that the request is sent over a path. */
  enter(path: IoPath): void {
    this.#on = path;
    this.attempts++;
    path.outstanding++;
    path.path.counts.sent++;
  }

  /** Takes the request off its path, and returns that path. */
  leave(): IoPath {
    const on = this.#on as IoPath;
    this.#on = undefined;
    on.outstanding--;
    return on;
  }

  retry(failure: CommandFailure): boolean {
    return this.#owner.retry(this, failure);
  }

  settled(): void {
    if (this.#on) this.leave();
    this.#owner.settled(this);
  }
}
