#pragma once

#include <algorithm>
#include <chrono>

namespace spdk_nvme {

/** The elapsed time in milliseconds, as used in reports. */
inline double ms_between(std::chrono::steady_clock::time_point from,
                         std::chrono::steady_clock::time_point to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}

/** The time that is left until a deadline; zero after it. */
inline std::chrono::milliseconds until(std::chrono::steady_clock::time_point deadline) {
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  return std::max(std::chrono::milliseconds(0), left);
}

}  // namespace spdk_nvme
