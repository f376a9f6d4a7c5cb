#pragma once

#include <chrono>
#include <cstdint>

namespace spdk_nvme {

/** The processor's time stamp counter, which is read in less than ten nanoseconds. x86-64 only, as the package. */
inline uint64_t ticks_now() {
  return __builtin_ia32_rdtsc();
}

/** How long a tick is, computed from the ticks and the time since it was made. */
class TickLength {
 public:
  [[nodiscard]] double nanoseconds() const {
    using std::chrono::steady_clock;
    const uint64_t ticks = ticks_now() - ticks_;
    const std::chrono::duration<double, std::nano> time = steady_clock::now() - time_;
    return ticks == 0 ? 0 : time.count() / static_cast<double>(ticks);
  }

 private:
  const uint64_t ticks_ = ticks_now();
  const std::chrono::steady_clock::time_point time_ = std::chrono::steady_clock::now();
};

}  // namespace spdk_nvme
