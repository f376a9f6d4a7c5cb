// The states of a controller in memory.

import type { ControllerState } from '../types.js';

/** `can_follow()` of native/core/controller/controller_state.cc: for each state the ones that it may follow. */
export const predecessors: { readonly [State in ControllerState]: readonly ControllerState[] } = {
  attaching: [],
  attached: ['attaching', 'resetting'],
  resetting: ['attached', 'failed'],
  draining: ['attached', 'failed', 'resetting'],
  disconnecting: ['draining'],
  lingering: ['disconnecting'],
  detached: ['lingering', 'attaching', 'wedged'],
  failed: ['attached', 'resetting'],
  wedged: ['attaching', 'attached', 'draining', 'disconnecting', 'lingering', 'failed', 'resetting'],
};

/** `ControllerLife` of native/core/controller/controller_state.h. */
export class Life {
  #state: ControllerState = 'attaching';

  get state(): ControllerState {
    return this.#state;
  }

  /** Enters a state. False where the present state does not allow the step. */
  advance(to: ControllerState): boolean {
    if (!predecessors[to].includes(this.#state)) return false;
    this.#state = to;
    return true;
  }
}
