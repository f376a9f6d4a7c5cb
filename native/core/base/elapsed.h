#pragma once

#include <chrono>

namespace spdk_nvme {

/** The elapsed time in milliseconds, as used in reports. */
inline double ms_between(std::chrono::steady_clock::time_point from,
                         std::chrono::steady_clock::time_point to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}

}  // namespace spdk_nvme
