// The errors for new requests that a controller or an environment rejects, because of its state or of their size.

import { SpdkError } from '../errors/spdk-error.js';
import type { ControllerState } from '../types.js';

/**
 * The error for a request to a controller that accepts no new ones.
 * @param detaching a detach has begun
 * @param gone the detach has ended and settled
 */
export function stateError(state: ControllerState, detaching: boolean, gone: boolean): SpdkError {
  switch (state) {
    case 'failed':
      return new SpdkError(
        'ERR_SPDK_CONTROLLER_FAILED',
        'The link or the target has failed; reset the controller, or detach it and attach it again',
      );
    case 'resetting':
      if (detaching) return detachingError();
      return new SpdkError(
        'ERR_SPDK_CONTROLLER_FAILED',
        'The connection is lost: it was not re-established within fastIoFailTimeoutMs, or its reset has only just begun',
      );
    case 'attached':
      if (detaching) return detachingError();
      // Native code is ahead: this thread hears of it in a moment, with the event `reset`.
      return new SpdkError(
        'ERR_SPDK_CONTROLLER_FAILED',
        'The connection was lost, and has only just been re-established; try again',
      );
    case 'wedged':
      return new SpdkError('ERR_SPDK_WEDGED', 'SPDK has not returned from a call for this controller');
    case 'detached':
      // Native code may finish before `detach()` has settled; until then the controller is still being detached.
      if (!gone) return detachingError();
      return new SpdkError('ERR_SPDK_CONTROLLER_DETACHED', 'The controller is detached; attach it again');
    default:
      return detachingError();
  }
}

export function detachingError(): SpdkError {
  return new SpdkError('ERR_SPDK_DETACHING', 'The controller is being detached');
}

/** For a command with more data than its controller transfers: a target would end the connection, and all other I/O with it. */
export function tooLongError(bytes: number, max: number): SpdkError {
  return new SpdkError(
    'ERR_SPDK_INVALID_ARG_VALUE',
    `One command of this controller transfers at most ${max} bytes (controller.info.maxTransferBytes); got ${bytes}`,
  );
}

/** The error of calls to an environment that is closed or closing. */
export function closedError(): SpdkError {
  return new SpdkError(
    'ERR_SPDK_ENV_CLOSED',
    'The environment is closed; open another one with Environment.init()',
  );
}

export function pcieError(): SpdkError {
  return new SpdkError(
    'ERR_SPDK_TRANSPORT_UNAVAILABLE',
    'This package attaches over fabrics only, not to PCIe devices',
  );
}
