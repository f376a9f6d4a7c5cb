#pragma once

#include <algorithm>
#include <chrono>
#include <thread>

namespace spdk_nvme {

/**
 * The pauses of a wait loop: each is a fraction of the time that the wait has lasted, so that a short wait ends promptly and a
 * long one costs little. Thread: one.
 */
class Backoff {
 public:
  using Clock = std::chrono::steady_clock;

  [[nodiscard]] Clock::duration elapsed() const { return Clock::now() - begun_; }

  void pause() const { std::this_thread::sleep_for(std::clamp(elapsed() / kPart, kShortest, kLongest)); }

 private:
  static constexpr int kPart = 500;
  static constexpr Clock::duration kShortest = std::chrono::microseconds(100);
  static constexpr Clock::duration kLongest = std::chrono::milliseconds(20);

  const Clock::time_point begun_ = Clock::now();
};

}  // namespace spdk_nvme
