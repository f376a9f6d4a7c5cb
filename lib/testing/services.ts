// What the controllers in memory share, and what their steps need of one.

import type { NativeFailure } from '../errors/spdk-error.js';
import type { NativeAttachRequest } from '../native/contract.js';
import type { ControllerState } from '../types.js';
import type { AdminQueue } from './admin-queue.js';
import type { Connection } from './connection.js';
import type { JsChannel } from './js-channel.js';
import type { MemoryQueuePair } from './queue-pair.js';
import type { MemoryRegions } from './regions.js';
import type { Scheduler } from './scheduler.js';
import type { MemoryTarget } from './target.js';
import type { Violations } from './violations.js';

/** What the controllers of one environment share. */
export interface ControllerServices {
  readonly memory: MemoryRegions;
  readonly scheduler: Scheduler;
  readonly channel: JsChannel;
  readonly violations: Violations;
  readonly pollers: number;
  findTarget(transportId: string): MemoryTarget | undefined;
}

/** A controller, as the steps of its reset and its detach see it. */
export interface SteppedController {
  readonly request: NativeAttachRequest;
  readonly scheduler: Scheduler;
  readonly rings: readonly MemoryQueuePair[];
  readonly admins: Pick<AdminQueue, 'pending'>;
  readonly stuck: boolean;
  /** A call wants it detached. */
  readonly leaving: boolean;
  connection(): Connection | undefined;
  /** Moves to another state; false where that may not follow. */
  enter(state: ControllerState): boolean;
  /** Ends the connection and everything that it has not completed. */
  endConnection(): void;
  establish(done: (failure: NativeFailure | null) => void): void;
  holdIo(holding: boolean): void;
  failPending(error: number): void;
  failIo(intervalMs: number): void;
  /** Reports a failure; false where the present state cannot be followed by one. */
  fail(failure: NativeFailure): boolean;
  /** Adds something to the history. */
  note(kind: string, text: string, code?: string): void;
  post(task: () => void): void;
}
