// Making connections to targets in memory.

import { constants } from 'node:os';
import type { NativeFailure } from '../errors/spdk-error.js';
import type { NativeAttachRequest } from '../native/contract.js';
import { discoveryNqn } from '../options/nqn.js';
import { parseTransportId } from '../options/transport-id.js';
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
    const target = this.#services.findTarget(this.#request.transportId);
    if (!target) {
      const { traddr, trsvcid } = parseTransportId(this.#request.transportId);
      const failure = {
        code: 'ERR_SPDK_UNREACHABLE',
        message: `no response from ${traddr} port ${trsvcid}: Connection refused`,
        errno: constants.errno.ECONNREFUSED,
      };
      const stopWaiting = scheduler.after(1, () => done(failure));
      this.#cancel = () => {
        stopWaiting();
        scheduler.after(0, () => done(failure));
      };
      return;
    }
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
      const subsystem = target.subsystems.get(parseTransportId(this.#request.transportId).subnqn ?? '');
      const refusal = target.rejection ?? this.#refusal(subsystem);
      if (refusal) end(refusal);
      else end(null, subsystem);
    };
    this.#cancel = () => scheduler.after(0, () => end(tooSlow));
  }

  /** Why a subsystem does not take the connection. */
  #refusal(subsystem: MemorySubsystem | undefined): NativeFailure | null {
    if (!subsystem) return unknownSubsystem;
    const discovers = subsystem.nqn === discoveryNqn;
    const wrongKind = discovers ? notForIo : notForDiscovery;
    return (
      keyFailure(this.keys, subsystem.keys) ?? (discovers === this.#request.discovery ? null : wrongKind)
    );
  }

  /** Ends a connect that is under way. */
  cancel(): void {
    const cancel = this.#cancel;
    this.#cancel = undefined;
    cancel?.();
  }
}

/** Connect Invalid Parameters, which SPDK's and Linux's targets answer to a name that they do not have. */
const unknownSubsystem: NativeFailure = {
  code: 'ERR_SPDK_CONNECT_REJECTED',
  message: 'the target rejected the connection, and would do so again (Do Not Retry)',
  sct: 1,
  sc: 0x82,
  dnr: true,
};
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
