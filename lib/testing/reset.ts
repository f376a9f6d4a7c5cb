// The reset of a controller in memory, step by step.

import type { NativeFailure } from '../errors/spdk-error.js';
import { eventLoop } from '../internal/event-loop.js';
import type { NativeResetStep } from '../native/contract.js';
import type { SteppedController } from './services.js';

/** 2^32 - 1 means indefinitely. */
const forever = 0xffff_ffff;
/** How often new I/O fails while the controller fails fast. */
const fastFailIntervalMs = 20;
/** How long the controller may take for the keep-alive probe. */
const responseLimitMs = 1_000;

/** native/core/controller/control_loop.cc: ends the connection and makes another, by the controller's reconnect policy. */
export function resetSteps(
  controller: SteppedController,
  number: number,
  cause: NativeFailure | null,
  done: () => void,
): void {
  new Reset(controller, number, cause, done).begin();
}

class Reset {
  readonly #controller: SteppedController;
  readonly #number: number;
  readonly #cause: NativeFailure | null;
  readonly #done: () => void;
  readonly #begun = eventLoop.now();
  #disconnected = 0;
  #attempts = 0;
  #cancelFastFail: (() => void) | undefined;

  constructor(controller: SteppedController, number: number, cause: NativeFailure | null, done: () => void) {
    this.#controller = controller;
    this.#number = number;
    this.#cause = cause;
    this.#done = done;
  }

  begin(): void {
    const controller = this.#controller;
    const { fastIoFailTimeoutMs } = controller.request;
    if (!controller.enter('resetting')) {
      this.#end();
      return;
    }
    this.#report({ kind: 'begun', failure: this.#cause });
    controller.note('reset', this.#cause?.message ?? 'requested', this.#cause?.code);
    controller.holdIo(true);
    if (fastIoFailTimeoutMs > 0) {
      this.#cancelFastFail = controller.scheduler.after(fastIoFailTimeoutMs, () => this.#failFast());
    }
    const silent = controller.connection()?.subsystem.target.silent ?? false;
    controller.scheduler.after(this.#cause === null && silent ? responseLimitMs : 0, () => {
      if (controller.leaving) {
        this.#end();
        return;
      }
      controller.endConnection();
      this.#disconnected = eventLoop.now();
      this.#try();
    });
  }

  #try(): void {
    const controller = this.#controller;
    const tried = eventLoop.now();
    this.#attempts++;
    controller.establish((failure) => {
      if (!failure) {
        this.#connected();
        return;
      }
      if (controller.leaving) {
        this.#end();
        return;
      }
      controller.note('retry', `not connected: ${failure.message}`, failure.code);
      this.#report({ kind: 'attemptFailed', failure });
      const { reconnectDelayMs, ctrlrLossTimeoutMs, stopOnRejection } = controller.request;
      const now = eventLoop.now();
      const next = Math.max(tried + reconnectDelayMs, now);
      const last =
        ctrlrLossTimeoutMs === forever ? Number.POSITIVE_INFINITY : this.#begun + ctrlrLossTimeoutMs;
      const rejected = stopOnRejection && failure.dnr === true;
      if (next > last || ctrlrLossTimeoutMs === 0 || rejected) this.#fail(failure);
      else {
        controller.scheduler.after(next - now, () => {
          if (controller.leaving) this.#end();
          else this.#try();
        });
      }
    });
  }

  #connected(): void {
    const controller = this.#controller;
    this.#end();
    if (controller.leaving) return;
    if (!controller.enter('attached')) return;
    controller.post(() => controller.request.namespacesChanged());
    const now = eventLoop.now();
    this.#report({
      kind: 'done',
      failure: null,
      disconnectMs: this.#disconnected - this.#begun,
      connectMs: now - this.#disconnected,
      totalMs: now - this.#begun,
    });
  }

  #fail(failure: NativeFailure): void {
    const controller = this.#controller;
    this.#end();
    controller.holdIo(false);
    if (!controller.fail(failure)) return;
    this.#report({ kind: 'failed', failure });
    controller.failIo(10);
  }

  #failFast(): void {
    this.#report({ kind: 'failingFast', failure: null });
    if (!this.#controller.leaving) this.#controller.failIo(fastFailIntervalMs);
  }

  #end(): void {
    this.#cancelFastFail?.();
    this.#done();
  }

  #report(step: Pick<NativeResetStep, 'kind' | 'failure'> & Partial<NativeResetStep>): void {
    const number = this.#number;
    const whole = { number, attempts: this.#attempts, disconnectMs: 0, connectMs: 0, totalMs: 0, ...step };
    this.#controller.post(() => this.#controller.request.resetStep(whole));
  }
}
