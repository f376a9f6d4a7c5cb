#pragma once

#include <atomic>

namespace spdk_nvme {

/**
 * The life of a controller:
 *
 *   attaching -> attached -> draining -> disconnecting -> lingering -> detached
 *
 * `failed`: the link or the target died; a detach or a reset remains. `resetting`: the connection is being
 * re-established, on request or after a loss; it ends as `attached` or `failed`, or in a detach. `wedged`: a native
 * call outlived its deadline; terminal for JavaScript, while the memory that the call may still touch stays alive.
 */
enum class ControllerState {
  attaching,
  attached,
  draining,
  disconnecting,
  lingering,
  detached,
  failed,
  resetting,
  wedged
};

const char* to_string(ControllerState state);

/** Whether the life of a controller may go from one state straight to the other. */
bool can_follow(ControllerState from, ControllerState to);

/** The state of one controller, and the only place that changes it. Any thread. */
class ControllerLife {
 public:
  [[nodiscard]] ControllerState state() const { return state_.load(std::memory_order_acquire); }

  /**
   * Moves on to a state if the present one allows it. Two threads may race (a link that fails against a
   * detach that begins); one of them gets `false` and leaves its step to the other.
   */
  bool advance(ControllerState to);

 private:
  std::atomic<ControllerState> state_{ControllerState::attaching};
};

}  // namespace spdk_nvme
