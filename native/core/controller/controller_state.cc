#include "native/core/controller/controller_state.h"

namespace spdk_nvme {

const char* to_string(ControllerState state) {
  switch (state) {
    case ControllerState::attaching:
      return "attaching";
    case ControllerState::attached:
      return "attached";
    case ControllerState::draining:
      return "draining";
    case ControllerState::disconnecting:
      return "disconnecting";
    case ControllerState::lingering:
      return "lingering";
    case ControllerState::detached:
      return "detached";
    case ControllerState::failed:
      return "failed";
    case ControllerState::resetting:
      return "resetting";
    case ControllerState::wedged:
      return "wedged";
  }
  return "unknown";
}

bool can_follow(ControllerState from, ControllerState to) {
  using State = ControllerState;
  switch (to) {
    case State::attaching:
      return false;
    case State::attached:
      return from == State::attaching || from == State::resetting;
    case State::resetting:
      return from == State::attached || from == State::failed;
    case State::draining:
      return from == State::attached || from == State::failed || from == State::resetting;
    case State::disconnecting:
      return from == State::draining;
    case State::lingering:
      return from == State::disconnecting;
    case State::detached:
      // An attach that fails ends here too; so does a wedged controller whose native call returns after all.
      return from == State::lingering || from == State::attaching || from == State::wedged;
    case State::failed:
      return from == State::attached || from == State::resetting;
    case State::wedged:
      return from != State::detached && from != State::wedged;
  }
  return false;
}

bool ControllerLife::advance(ControllerState to) {
  auto from = state_.load(std::memory_order_acquire);
  do {
    if (!can_follow(from, to)) return false;
  } while (!state_.compare_exchange_weak(from, to, std::memory_order_acq_rel));
  return true;
}

}  // namespace spdk_nvme
