#pragma once

#include <atomic>
#include <chrono>

namespace spdk_nvme {

/**
 * Whether a controller is to end, and how much may still be waited for. Levels only rise, so a thread
 * that has seen one may act on it without a lock. Raised and read by any thread.
 */
class StopRequest {
 public:
  enum class Level {
    none,
    /** The controller is detached, or its attach was cancelled: it is brought to its end in order. */
    detach,
    /** The environment ends, and JavaScript may no longer run: do not wait for anything that only JavaScript can do. */
    abandon
  };

  void raise(Level level) {
    auto current = level_.load(std::memory_order_acquire);
    while (current < level && !level_.compare_exchange_weak(current, level, std::memory_order_acq_rel)) {
    }
  }
  [[nodiscard]] bool at_least(Level level) const { return level_.load(std::memory_order_acquire) >= level; }

  /** Limits how long a call into SPDK may still take once a detach is requested, from now on; the smallest value counts. */
  void limit_patience(std::chrono::milliseconds patience) {
    lower(patience_, patience);
    lower(patience_ends_, Clock::now() + patience);
  }
  /** The maximum value until it is limited. */
  [[nodiscard]] std::chrono::milliseconds patience() const {
    return patience_.load(std::memory_order_acquire);
  }
  /** Whether a detach has waited for so long. */
  [[nodiscard]] bool out_of_patience() const {
    const auto ends = patience_ends_.load(std::memory_order_acquire);
    return ends != Clock::time_point::max() && Clock::now() >= ends;
  }

 private:
  using Clock = std::chrono::steady_clock;

  template <typename Value>
  static void lower(std::atomic<Value>& to, Value value) {
    auto current = to.load(std::memory_order_acquire);
    while (value < current && !to.compare_exchange_weak(current, value)) {
    }
  }

  std::atomic<Level> level_{Level::none};
  std::atomic<std::chrono::milliseconds> patience_{std::chrono::milliseconds::max()};
  std::atomic<Clock::time_point> patience_ends_{Clock::time_point::max()};
};

}  // namespace spdk_nvme
