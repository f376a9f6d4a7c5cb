// Changes of the keys of one controller, one after the other.

import { SpdkError } from '../errors/spdk-error.js';
import { eventLoop } from '../internal/event-loop.js';
import { PendingCall } from '../internal/pending-call.js';
import type { NativeController } from '../native/contract.js';
import type { ResolvedChangeKeysOptions } from '../options/change-keys.js';
import { timeoutUntil } from '../options/common.js';
import { withKeys } from './reading.js';

/** What a change of keys needs of the controller. */
export interface KeyChangeServices {
  readonly native: Pick<NativeController, 'changeKeys'>;
  /** The error for a change of the keys; undefined if it is accepted. */
  readonly rejection: () => SpdkError | undefined;
}

/** The changes of the keys of a controller. Native code makes one at a time. */
export class KeyChanges {
  readonly #services: KeyChangeServices;
  /** Until native code has ended the last change, whether its caller still waits or not. */
  #last: Promise<void> = Promise.resolve();

  constructor(services: KeyChangeServices) {
    this.#services = services;
  }

  /** @param what for messages, as in 'Changing the keys of nqn.2016-06.io.spdk:cnode1' */
  change(what: string, { dhchap, timeoutMs }: ResolvedChangeKeysOptions): Promise<void> {
    let begun = false;
    const limits = {
      what,
      timeoutMs,
      timeoutCode: 'ERR_SPDK_TIMEOUT',
      get timeoutHint() {
        if (begun) return 'The controller did not authenticate in time, so its connection is lost.';
        return 'An earlier change has not ended. This one did not begin: the keys are as that one leaves them.';
      },
    } as const;
    const end = eventLoop.now() + timeoutMs;
    return PendingCall.start<void>(limits, (call) => {
      this.#check();
      const begin = (ended: () => void): void => {
        begun = true;
        this.#check();
        withKeys({ dhchap, tls: undefined }, (keys) =>
          this.#services.native.changeKeys({
            keys,
            timeoutMs: timeoutUntil(end),
            done: (failure) => {
              ended();
              if (failure) call.reject(SpdkError.fromNative(failure));
              else call.resolve();
            },
          }),
        );
      };
      this.#last = this.#last.then(() => inTurn(call, begin));
    }).promise;
  }

  #check(): void {
    const rejected = this.#services.rejection();
    if (rejected) throw rejected;
  }
}

/** Begins a change, unless its caller has stopped waiting. Resolves once native code is not at it any more. */
function inTurn(call: PendingCall<void>, begin: (ended: () => void) => void): Promise<void> {
  return new Promise((ended) => {
    if (!call.settled) call.attempt(() => begin(ended));
    // It did not begin.
    if (call.settled) ended();
  });
}
