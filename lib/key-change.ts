// Changes of the keys of one controller, one after the other.

import { SpdkError } from './errors/spdk-error.js';
import { PendingCall } from './internal/pending-call.js';
import { withKeys } from './keys.js';
import type { NativeController } from './native/contract.js';
import type { ResolvedChangeKeysOptions } from './options/change-keys.js';

/** What a change of keys needs of the controller. */
export interface KeyChangeServices {
  readonly native: Pick<NativeController, 'changeKeys'>;
  /** The error for a change of the keys; undefined if it is accepted. */
  readonly rejection: () => SpdkError | undefined;
}

/** The changes of the keys of a controller. Native code makes one at a time. */
export class KeyChanges {
  readonly #services: KeyChangeServices;
  #last: Promise<unknown> = Promise.resolve();

  constructor(services: KeyChangeServices) {
    this.#services = services;
  }

  /** @param what for messages, as in 'Changing the keys of nqn.2016-06.io.spdk:cnode1' */
  change(what: string, { dhchap, timeoutMs }: ResolvedChangeKeysOptions): Promise<void> {
    const limits = {
      what,
      timeoutMs,
      timeoutCode: 'ERR_SPDK_TIMEOUT',
      timeoutHint: 'The controller did not authenticate in time, so its connection is lost.',
    } as const;
    const { native, rejection } = this.#services;
    const begin = (call: PendingCall<void>): void => {
      const rejected = rejection();
      if (rejected) throw rejected;
      withKeys({ dhchap, tls: undefined }, (keys) =>
        native.changeKeys({
          keys,
          timeoutMs,
          done: (failure) => (failure ? call.reject(SpdkError.fromNative(failure)) : call.resolve()),
        }),
      );
    };
    const change = this.#last.then(() => PendingCall.start(limits, begin).promise);
    this.#last = change.catch(() => {});
    return change;
  }
}
