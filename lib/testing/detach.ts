// The detach of a controller in memory, step by step.

import { eventLoop } from '../internal/event-loop.js';
import type { DetachPhases } from '../types.js';
import type { SteppedController } from './services.js';

export interface DetachSettings {
  readonly drainMs: number;
  readonly timeoutMs: number;
}

/** The time between two checks of the drain. */
const pauseMs = 5;
/** A controller that has not responded within this time, or a third of the caller's if that is less, is dead. */
const responseLimitMs = 1_000;

/** native/core/controller/detach_sequence.cc: drain, disconnect, linger, destroy. */
export function detachSteps(
  controller: SteppedController,
  { drainMs, timeoutMs }: DetachSettings,
  done: (phases: DetachPhases) => void,
): void {
  const { scheduler } = controller;
  const begun = eventLoop.now();
  const dead = controller.connection() === undefined;
  controller.enter('draining');
  controller.holdIo(false);

  const pending = () => controller.admins.pending > 0 || controller.rings.some((ring) => ring.pending > 0);
  const drained = (passed: number) => !pending() || passed >= drainMs;
  const responded = (passed: number) =>
    !controller.connection()?.subsystem.target.silent || passed >= Math.min(responseLimitMs, timeoutMs / 3);

  const look = () => {
    const passed = eventLoop.now() - begun;
    if (dead || (drained(passed) && responded(passed))) unlessStuck(controller, disconnect);
    else scheduler.after(pauseMs, look);
  };
  const disconnect = () => {
    const drainedAt = eventLoop.now();
    controller.enter('disconnecting');
    controller.endConnection();
    controller.enter('lingering');
    controller.failPending(0);
    controller.enter('detached');
    const now = eventLoop.now();
    done({
      drainMs: drainedAt - begun,
      disconnectMs: now - drainedAt,
      lingerMs: 0,
      destroyMs: 0,
      totalMs: now - begun,
    });
  };
  look();
}

/** Goes on once a call into SPDK that is stuck has returned. */
function unlessStuck(controller: SteppedController, next: () => void): void {
  if (controller.stuck) controller.scheduler.after(20, () => unlessStuck(controller, next));
  else next();
}
