// One attach, from the call into native code to its controller, or to its end in the background.

import { constants } from 'node:os';
import type { Controller } from './controller.js';
import { codedError, type NativeFailure, SpdkError } from './errors/spdk-error.js';
import { eventLoop } from './internal/event-loop.js';
import { PendingCall } from './internal/pending-call.js';
import { withKeys } from './keys/reading.js';
import { ignoringErrors, unexplained } from './native/addon.js';
import type {
  NativeAttachRequest,
  NativeController,
  NativeEnvironment,
  NativeKeys,
} from './native/contract.js';
import type { ResolvedAttachOptions } from './options/attach.js';
import { formatTransportId, type TransportId } from './options/transport-id.js';

/** A cancelled attach may take this long to end by itself, which spares the target a broken connection. */
const forceDisconnectMs = 1_000;
/** How often an attach checks whether an earlier one, which was cancelled, has ended. */
const retryMs = 20;
/** Options with the identity of the host. */
export type IdentifiedOptions = ResolvedAttachOptions & { readonly hostNqn: string; readonly hostId: string };

/** What to attach, and the callbacks. */
export interface Attach {
  /** For messages, as in 'Attaching nqn.2016-06.io.spdk:cnode1'. */
  readonly what: string;
  readonly transportId: TransportId;
  readonly resolved: IdentifiedOptions;
  /** The connection is only for a discovery log. */
  readonly discovery: boolean;
  /** Creates the controller object after the attach. */
  readonly adopt: (native: NativeController) => Controller;
  readonly failed: (controller: Controller, failure: NativeFailure) => void;
}

/** What native code calls during an attach and afterwards. */
type Callbacks = Omit<NativeAttachRequest, keyof ReturnType<typeof nativeAttachOptions> | 'discovery'>;

/**
 * Begins an attach, which settles by its time limit whatever SPDK does. If a cancelled attach of the same controller has not
 * ended yet, this one waits for it: the caller has no controller whose detach() it could await.
 */
export function startAttach(environment: NativeEnvironment, attach: Attach): PendingCall<Controller> {
  const { what, transportId, resolved, discovery, adopt } = attach;
  let nativeController: NativeController | null = null;
  let controller: Controller | undefined;
  let retry: NodeJS.Timeout | undefined;
  const cancel = (): void => {
    eventLoop.clearTimeout(retry);
    eventLoop
      .setTimeout(() => ignoringErrors(() => nativeController?.forceDisconnect()), forceDisconnectMs)
      .unref();
    nativeController?.cancelAttach();
  };
  const limits = {
    what,
    timeoutMs: resolved.timeoutMs,
    timeoutCode: 'ERR_SPDK_TIMEOUT',
    get timeoutHint() {
      if (retry) return 'SPDK has not ended an earlier attach of this controller, which was cancelled.';
      return 'Check the address, the port and the network, or allow more with timeoutMs.';
    },
    signal: resolved.signal,
    cancel,
  } as const;
  const begin = (call: PendingCall<Controller>): void => {
    retry = undefined;
    const callbacks: Callbacks = {
      ioCompleted: () => controller?.onIoCompleted(),
      namespacesChanged: () => controller?.onNamespacesChanged(),
      logChanged: () => controller?.onLogChanged(),
      reservationsChanged: () => controller?.onReservationsChanged(),
      attached: (failure) => {
        // Native code ends a cancelled attach, whether it succeeded or not.
        if (call.settled) return;
        if (failure?.code === 'ERR_SPDK_DETACHING' && failure.errno === constants.errno.EAGAIN) {
          retry = eventLoop.setTimeout(() => call.attempt(() => begin(call)), retryMs);
          return;
        }
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
    };
    nativeController = withKeys(resolved, (keys) =>
      environment.attach({ ...nativeAttachOptions(transportId, resolved, keys), discovery, ...callbacks }),
    );
  };
  return PendingCall.start<Controller>(limits, begin);
}

function nativeAttachOptions(transportId: TransportId, resolved: IdentifiedOptions, keys: NativeKeys) {
  return {
    keys,
    transportId: formatTransportId(transportId),
    hostNqn: resolved.hostNqn,
    hostId: resolved.hostId.replaceAll('-', ''),
    sourceAddress: resolved.sourceAddress ?? '',
    sourcePort: resolved.sourcePort === undefined ? '' : String(resolved.sourcePort),
    ioQueues: resolved.ioQueues,
    queueDepth: resolved.queueDepth,
    keepAliveMs: resolved.keepAliveMs,
    timeoutMs: resolved.timeoutMs,
    polling: resolved.polling,
    reconnectDelayMs: resolved.reconnectDelayMs,
    ctrlrLossTimeoutMs: Math.min(resolved.ctrlrLossTimeoutMs, 0xffff_ffff),
    fastIoFailTimeoutMs: resolved.fastIoFailTimeoutMs,
    stopOnRejection: resolved.stopOnRejection,
    headerDigest: resolved.headerDigest,
    dataDigest: resolved.dataDigest,
    transportAckTimeout: oneMore(resolved.transportAckTimeout),
    transportRetryCount: oneMore(resolved.transportRetryCount),
    tos: oneMore(resolved.tos),
  };
}

/** Returns an option as native code takes it: one more than its value, or 0 if it is not given. */
function oneMore(value: number | undefined): number {
  return value === undefined ? 0 : value + 1;
}

/** Detaches a controller that no caller gets. */
function giveBack(native: NativeController): void {
  ignoringErrors(() =>
    native.detach({ drainMs: 0, timeoutMs: forceDisconnectMs, reportStates: false, done: () => {} }),
  );
}
