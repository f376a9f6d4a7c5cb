// What subscribers to the TracingChannels of this package get.

import type { Controller } from './controller.js';
import type { Namespace } from './namespace.js';
import type { ioOpcodes } from './native/ring-layout.js';
import type { TransportId } from './options/transport-id.js';
import type { SubsystemNamespace } from './subsystem-namespace.js';
import type { DetachReport, ResetReport } from './types.js';

/** How a traced call settled. */
export interface TracingOutcome<Result> {
  /** With `asyncStart` and `asyncEnd`, if the call was fulfilled. */
  readonly result?: Result;
  /** With `error`, `asyncStart` and `asyncEnd`, if the call was rejected. */
  readonly error?: unknown;
}

/**
 * The messages of each TracingChannel (`diagnostics_channel.tracingChannel(name)`): one object for each call, which all of
 * its events get.
 */
export interface TracingMessages {
  /** `env.attach()`, once its options have been checked. */
  'spdk-nvme:attach': { readonly transportId: TransportId } & TracingOutcome<Controller>;
  /** `controller.detach()`, each call. */
  'spdk-nvme:detach': { readonly controller: Controller } & TracingOutcome<DetachReport>;
  /** `controller.reset()`, each call. A reconnect after a loss is not a call: see the channels `resetting` and `reset`. */
  'spdk-nvme:reset': { readonly controller: Controller } & TracingOutcome<ResetReport>;
  /**
   * An operation of a namespace that returns a promise, once it has been checked; over several paths as a whole. Batches
   * are not traced.
   */
  'spdk-nvme:io': {
    readonly namespace: Namespace | SubsystemNamespace;
    /** The name of its method; `raw` also for `copy()` and what zones and reservations send. */
    readonly operation: keyof typeof ioOpcodes;
    /** The offset in bytes. */
    readonly offset: number;
    readonly length: number;
  } & TracingOutcome<unknown>;
}
