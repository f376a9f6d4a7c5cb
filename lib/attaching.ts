// One attach, from the call into native code to the controller that comes of it, or to its end in the background.

import type { Controller } from './controller.js';
import { codedError, type NativeFailure, SpdkError } from './errors/spdk-error.js';
import { PendingCall } from './internal/pending-call.js';
import { ignoringErrors, unexplained } from './native/addon.js';
import type { NativeController, NativeEnvironment } from './native/contract.js';
import type { ResolvedAttachOptions } from './options/attach.js';
import { formatTransportId, type TransportId } from './options/transport-id.js';

/** An attach that was given up has so long to end by itself, which spares the target a broken connection. */
const breakOffMs = 1_000;
/** Options that say which host asks. */
export type IdentifiedOptions = ResolvedAttachOptions & { readonly hostNqn: string; readonly hostId: string };

/** Where to attach, and what becomes of it. */
export interface Attach {
  /** For messages, as in 'Attaching nqn.2016-06.io.spdk:cnode1'. */
  readonly what: string;
  readonly transportId: TransportId;
  readonly resolved: IdentifiedOptions;
  /** The connection is for a discovery log alone. */
  readonly discovery: boolean;
  /** Makes the controller, once it is attached. */
  readonly adopt: (native: NativeController) => Controller;
  readonly failed: (controller: Controller, failure: NativeFailure) => void;
}

/** Begins an attach; it settles on time whatever SPDK does. */
export function startAttach(environment: NativeEnvironment, attach: Attach): PendingCall<Controller> {
  const { what, transportId, resolved, discovery, adopt } = attach;
  let nativeController: NativeController | null = null;
  let controller: Controller | undefined;
  const giveUp = (): void => {
    setTimeout(() => ignoringErrors(() => nativeController?.breakOff()), breakOffMs).unref();
    nativeController?.giveUp();
  };
  const limits = {
    what,
    timeoutMs: resolved.timeoutMs,
    timeoutCode: 'ERR_SPDK_TIMEOUT',
    timeoutHint: 'Check the address, the port and the network, or allow more with timeoutMs.',
    signal: resolved.signal,
    giveUp,
  } as const;
  return PendingCall.start<Controller>(limits, (call) => {
    nativeController = environment.attach({
      ...nativeAttachOptions(transportId, resolved),
      discovery,
      ioCompleted: () => controller?.onIoCompleted(),
      namespacesChanged: () => controller?.onNamespacesChanged(),
      logChanged: () => controller?.onLogChanged(),
      attached: (failure) => {
        // An attach that nobody waits for any more is ended by native code, whatever came of it.
        if (call.settled) return;
        if (failure || !nativeController) {
          call.reject(SpdkError.fromNative(failure ?? unexplained));
          return;
        }
        try {
          controller = adopt(nativeController);
          call.resolve(controller);
        } catch (error) {
          call.reject(codedError(`${what} failed`, error));
          giveBack(nativeController);
        }
      },
      stateChanged: (state) => controller?.onState(state),
      failed: (failure) => controller && attach.failed(controller, failure),
      resetStep: (step) => controller?.onResetStep(step),
    });
  });
}

function nativeAttachOptions(transportId: TransportId, resolved: IdentifiedOptions) {
  return {
    transportId: formatTransportId(transportId),
    hostNqn: resolved.hostNqn,
    hostId: resolved.hostId.replaceAll('-', ''),
    sourceAddress: resolved.sourceAddress ?? '',
    sourcePort: resolved.sourcePort === undefined ? '' : String(resolved.sourcePort),
    ioQueues: resolved.ioQueues,
    queueDepth: resolved.queueDepth,
    keepAliveMs: resolved.keepAliveMs,
    timeoutMs: resolved.timeoutMs,
    inlinePolling: resolved.polling === 'inline',
    reconnectDelayMs: resolved.reconnectDelayMs,
    ctrlrLossTimeoutMs: Math.min(resolved.ctrlrLossTimeoutMs, 0xffff_ffff),
    fastIoFailTimeoutMs: resolved.fastIoFailTimeoutMs,
  };
}

/** Detaches a controller that nobody gets. */
function giveBack(native: NativeController): void {
  ignoringErrors(() => native.detach({ drainMs: 0, timeoutMs: breakOffMs, done: () => {} }));
}
