#pragma once

#include <algorithm>
#include <chrono>

namespace spdk_nvme {

/** The elapsed time in milliseconds, as used in reports. */
inline double ms_between(std::chrono::steady_clock::time_point from,
                         std::chrono::steady_clock::time_point to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}

/** Adds the time of its scope to a phase of a report. */
class PhaseTimer {
 public:
  explicit PhaseTimer(double& phase_ms) : phase_ms_(phase_ms) {}
  ~PhaseTimer() { phase_ms_ += ms_between(begun_, std::chrono::steady_clock::now()); }
  PhaseTimer(const PhaseTimer&) = delete;
  PhaseTimer& operator=(const PhaseTimer&) = delete;

 private:
  double& phase_ms_;
  const std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
};

/** The time that is left until a deadline; zero after it. */
inline std::chrono::milliseconds until(std::chrono::steady_clock::time_point deadline) {
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  return std::max(std::chrono::milliseconds(0), left);
}

}  // namespace spdk_nvme
