#pragma once

#include <atomic>
#include <chrono>

namespace spdk_nvme {

/**
 * Whether a controller is to end, and how much may still be waited for. Only grows: who has seen a level acts on
 * it without a lock. Raised by any thread, read by any.
 */
class StopRequest {
 public:
  enum class Level {
    none,
    /** The controller is detached, or its attach was cancelled: it is brought to its end in order. */
    detach,
    /** The environment ends, and JavaScript may be gone: what only JavaScript could end is not awaited. */
    abandon
  };

  void raise(Level level) {
    auto current = level_.load(std::memory_order_acquire);
    while (current < level && !level_.compare_exchange_weak(current, level, std::memory_order_acq_rel)) {
    }
  }
  [[nodiscard]] bool at_least(Level level) const { return level_.load(std::memory_order_acquire) >= level; }

  /** The caller of a detach allows each call into SPDK this much more. The least of all callers counts. */
  void limit_patience(std::chrono::milliseconds patience) {
    auto current = patience_.load(std::memory_order_acquire);
    while (patience < current && !patience_.compare_exchange_weak(current, patience)) {
    }
  }
  /** The maximum value until it is limited. */
  [[nodiscard]] std::chrono::milliseconds patience() const {
    return patience_.load(std::memory_order_acquire);
  }

 private:
  std::atomic<Level> level_{Level::none};
  std::atomic<std::chrono::milliseconds> patience_{std::chrono::milliseconds::max()};
};

}  // namespace spdk_nvme
