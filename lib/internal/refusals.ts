// Why a controller takes nothing new, by its state.

import { SpdkError } from '../errors/spdk-error.js';
import type { ControllerState } from '../types.js';

/**
 * The error of what is asked of a controller that takes nothing new.
 * @param detaching a detach has begun
 * @param gone it has ended, and its caller has been answered
 */
export function refusalOf(state: ControllerState, detaching: boolean, gone: boolean): SpdkError {
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
        'The connection is lost and was not re-established within fastIoFailTimeoutMs',
      );
    case 'wedged':
      return new SpdkError('ERR_SPDK_WEDGED', 'SPDK has not returned from a call for this controller');
    case 'detached':
      // Native code may be done before `detach()` has answered; until then it is still being detached.
      if (!gone) return detachingError();
      return new SpdkError('ERR_SPDK_CONTROLLER_DETACHED', 'The controller is detached; attach it again');
    default:
      return detachingError();
  }
}

export function detachingError(): SpdkError {
  return new SpdkError('ERR_SPDK_DETACHING', 'The controller is being detached');
}
