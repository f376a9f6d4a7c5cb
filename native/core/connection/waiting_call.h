#pragma once

#include <atomic>
#include <chrono>
#include <optional>

#include "native/core/base/deadlines.h"
#include "native/core/base/linger_lock.h"
#include "native/core/base/stop_request.h"
#include "native/spdk/interpose/connection_watch.h"

namespace spdk_nvme {

/** How long a call into SPDK may wait for the controller. */
struct CallLimits {
  /** How long the controller may take to respond. */
  std::chrono::milliseconds response;
  /** Its patience() limits the call once a detach waits for this thread. */
  const StopRequest& stop;
};

/**
 * The scope of a call into SPDK that may wait for the controller. If the call takes too long, the established connections
 * are disconnected, which makes SPDK return. Before that, once it has taken a tenth of a second, no thread polls the I/O queue
 * pairs until it returns: SPDK holds the controller's lock in it, and a poll waits for that where a queue pair has failed.
 *
 * The time is counted in looks of the deadlines' thread, not by the clock: that thread pauses together with the host, so a
 * pause of the host in the middle of the call is not mistaken for a target that does not respond.
 */
class WaitingCall {
 public:
  WaitingCall(Deadlines& deadlines, LingerLock& linger, spdk::ConnectionWatch& watch, CallLimits limits)
      : scope_(deadlines, kLook, [this, &linger, &watch, limits] {
          if (!no_polls_) no_polls_.emplace(linger);
          waited_ += kLook;
          const auto detach = limits.stop.patience();
          if (detach != std::chrono::milliseconds::max()) waited_for_detach_ += kLook;
          if (waited_ < limits.response && waited_for_detach_ < detach) return true;
          timed_out_.store(true, std::memory_order_release);
          watch.disconnect_established();
          return false;
        }) {}
  ~WaitingCall() = default;
  WaitingCall(const WaitingCall&) = delete;
  WaitingCall& operator=(const WaitingCall&) = delete;

  /** Whether the call took too long. */
  [[nodiscard]] bool timed_out() const { return timed_out_.load(std::memory_order_acquire); }

 private:
  static constexpr std::chrono::milliseconds kLook{100};

  std::atomic<bool> timed_out_{false};
  // For the thread of Deadlines only.
  std::optional<LingerLock::Closed> no_polls_;
  std::chrono::milliseconds waited_{0};
  std::chrono::milliseconds waited_for_detach_{0};
  /** Last: it uses all of the above. */
  const Deadlines::Scope scope_;
};

}  // namespace spdk_nvme
