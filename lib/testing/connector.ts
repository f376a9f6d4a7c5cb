// Making connections to targets in memory.

import type { NativeFailure } from '../errors/spdk-error.js';
import type { NativeAttachRequest } from '../native/contract.js';
import { discoveryNqn } from '../options/nqn.js';
import { hostKeys, keyFailure, type MemoryKeys } from './keys.js';
import type { ControllerServices } from './services.js';
import type { MemorySubsystem } from './subsystem.js';

type Connected = (failure: NativeFailure | null, subsystem?: MemorySubsystem) => void;

/** What SPDK gets beyond the caller's time limit to end a connect by itself. */
const graceMs = 1_000;

/** Makes the connections of one controller, or says why not. */
export class Connector {
  readonly #request: NativeAttachRequest;
  readonly #services: ControllerServices;
  /** The keys that the next connection authenticates with. */
  keys: MemoryKeys;
  #cancel: (() => void) | undefined;

  constructor(request: NativeAttachRequest, services: ControllerServices) {
    this.#request = request;
    this.#services = services;
    this.keys = hostKeys(request.keys);
  }

  connect(done: Connected): void {
    const { scheduler } = this.#services;
    const end: Connected = (failure, subsystem) => {
      this.#cancel = undefined;
      stopWaiting();
      done(failure, subsystem);
    };
    const found = this.#services.findTarget(this.#request.transportId);
    if (!found) {
      const failure = {
        code: 'ERR_SPDK_UNREACHABLE',
        message: "there is no response from the controller's address",
      };
      const stopWaiting = scheduler.after(1, () => done(failure));
      this.#cancel = () => {
        stopWaiting();
        scheduler.after(0, () => done(failure));
      };
      return;
    }
    const { target, subsystem } = found;
    const limit = scheduler.after(this.#request.timeoutMs + graceMs, () => end(tooSlow));
    let step = scheduler.after(target.connectMs, () => {
      if (target.silent) {
        const endListening = target.whenSilent((silent) => {
          if (!silent) arrive();
        });
        step = endListening;
      } else arrive();
    });
    const stopWaiting = () => {
      limit();
      step();
    };
    const arrive = () => {
      const discovers = subsystem.nqn === discoveryNqn;
      const keyless = keyFailure(this.keys, subsystem.keys);
      if (target.rejection) end(target.rejection);
      else if (keyless) end(keyless);
      else if (discovers !== this.#request.discovery) end(discovers ? notForIo : notForDiscovery);
      else end(null, subsystem);
    };
    this.#cancel = () => scheduler.after(0, () => end(tooSlow));
  }

  /** Ends a connect that is under way. */
  cancel(): void {
    const cancel = this.#cancel;
    this.#cancel = undefined;
    cancel?.();
  }
}

const notForIo: NativeFailure = {
  code: 'ERR_SPDK_NOT_IO_CONTROLLER',
  message: 'this is a discovery controller, which has no I/O queues and no namespaces',
};
const notForDiscovery: NativeFailure = {
  code: 'ERR_SPDK_NOT_DISCOVERY_CONTROLLER',
  message: 'this is not a discovery controller',
};
const tooSlow: NativeFailure = {
  code: 'ERR_SPDK_TIMEOUT',
  message: 'the target did not respond for too long while connecting',
};
