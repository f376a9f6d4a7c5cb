#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "native/core/base/status.h"

namespace spdk_nvme {

/**
 * What follows when a controller's connection is lost. Names and meanings are those of SPDK's bdev_nvme, see
 * bdev_nvme_set_options.
 */
struct ReconnectPolicy {
  static constexpr std::chrono::milliseconds kForever = std::chrono::milliseconds::max();

  /** From the start of one attempt to that of the next. */
  std::chrono::milliseconds delay{0};
  /** Attempts are made for this long after the loss; 0: there are none, and the controller fails. */
  std::chrono::milliseconds loss_timeout{0};
  /** I/O waits for the connection for this long, and then fails; 0: as long as attempts are made. */
  std::chrono::milliseconds fast_io_fail{0};
  /** No attempt follows one that the target rejected for good (Do Not Retry). */
  bool stop_on_rejection = false;

  [[nodiscard]] bool enabled() const { return loss_timeout.count() > 0; }
};

/**
 * Decides what follows while a controller has no connection: when the next attempt begins, when to stop, and from
 * when on I/O does not wait for it. Has no thread and no clock: its owner passes the time and acts. Thread: one.
 */
class Reconnect {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /** Between two looks at I/O that was submitted while I/O fails fast: batches learn of it by their completions only. */
  static constexpr std::chrono::milliseconds kFastFailInterval{20};

  explicit Reconnect(const ReconnectPolicy& policy) : policy_(policy) {}

  /** Whether a loss is followed by attempts, rather than by the failure of the controller. */
  [[nodiscard]] bool enabled() const { return policy_.enabled(); }

  /** Called when the connection is lost, or about to be ended by a reset. */
  void begin(Time now);
  /** Called when the connection is re-established, or no further attempt follows. */
  void end();

  /**
   * When the next attempt begins after one that has failed; never earlier than now. Empty when there is no
   * further one: without a policy there is one attempt, limited by the time of the connect itself.
   * @param attempted when that attempt began
   * @param failure why it failed
   */
  [[nodiscard]] std::optional<Time> next_attempt(Time attempted, Time now, const Status& failure = {}) const;

  enum class WaitingIo { keep, begin_to_fail, fail };
  /** Decides about I/O that waits for the connection: `begin_to_fail` once, and `fail` from then on. */
  WaitingIo waiting_io(Time now);
  /** When to call waiting_io() next, at the latest; Time::max() when its result does not change. */
  [[nodiscard]] Time next_look(Time now) const {
    return failing_fast_ ? now + kFastFailInterval : fail_fast_at_;
  }

 private:
  const ReconnectPolicy policy_;
  /** The latest time at which an attempt may begin. */
  Time last_ = Time::min();
  Time fail_fast_at_ = Time::max();
  bool failing_fast_ = false;
};

/** One step of a reset, on request or after a loss. `done` or `failed` is the last, except where a detach ends the reset. */
struct ResetStep {
  enum class Kind { begun, attempt_failed, failing_fast, done, failed };

  Kind kind = Kind::begun;
  /** The number of the reset, from 1 on. */
  uint32_t number = 0;
  /** begun: what was lost, or success if a caller requested the reset; attempt_failed, failed: why. */
  Status status;
  /** Attempts so far. */
  unsigned attempts = 0;
  // In milliseconds, for `done`.
  double disconnect_ms = 0;
  double connect_ms = 0;
  double total_ms = 0;
};

}  // namespace spdk_nvme
