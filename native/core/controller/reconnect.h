#pragma once

#include <chrono>

#include "native/core/base/status.h"

namespace spdk_nvme {

/**
 * What follows when a controller's connection is lost; names and
 * meanings are those of SPDK's bdev_nvme (bdev_nvme_set_options).
 */
struct ReconnectPolicy {
  static constexpr std::chrono::milliseconds kForever = std::chrono::milliseconds::max();

  /** From the beginning of one try to that of the next. */
  std::chrono::milliseconds delay{0};
  /** Tries go on for so long after the loss; 0: there are none, and the controller fails. */
  std::chrono::milliseconds loss_timeout{0};
  /** I/O waits for the connection for so long, and is then refused; 0: as long as there are tries. */
  std::chrono::milliseconds fast_io_fail{0};

  [[nodiscard]] bool enabled() const { return loss_timeout.count() > 0; }
};

/** One step of a reset, asked for or after a loss. A reset that gives up is told as a failure instead. */
struct ResetStep {
  enum class Kind { begun, try_failed, failing_fast, done };

  Kind kind = Kind::begun;
  /** begun: what was lost, or success when it was asked for; try_failed: why. */
  Status status;
  /** Tries so far. */
  unsigned tries = 0;
  // Milliseconds; done.
  double disconnect_ms = 0;
  double connect_ms = 0;
  double total_ms = 0;
};

}  // namespace spdk_nvme
