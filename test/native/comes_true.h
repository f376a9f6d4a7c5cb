#pragma once

#include <chrono>
#include <thread>

namespace spdk_nvme {

/** Whether it becomes true within the limit. It is not asked again after that: it may be true for a moment only. */
template <typename Condition>
bool comes_true(Condition what, std::chrono::milliseconds limit) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + limit;
  while (!what()) {
    if (Clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

}  // namespace spdk_nvme
