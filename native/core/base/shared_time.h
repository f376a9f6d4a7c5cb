#pragma once

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstdint>

namespace spdk_nvme {

/** A wait may last longer by this part of it (1/kWaitParts), so that many are over together. */
inline constexpr int64_t kWaitParts = 4;

/**
 * When a wait from `now` to `due` is to end, so that one wake-up serves many. Waits end at multiples of a period, which is a little longer
 * than the wait, at most by a quarter. If no multiple lies between `due` and a quarter of the wait later, the wait ends at `due`: equal
 * waits that follow each other come closer to a multiple each time.
 */
inline std::chrono::steady_clock::time_point shared_time(std::chrono::steady_clock::time_point due,
                                                         std::chrono::steady_clock::time_point now) {
  using Time = std::chrono::steady_clock::time_point;
  using std::chrono::milliseconds;
  if (due == Time::max()) return due;
  const auto wait = std::chrono::duration_cast<milliseconds>(due - now).count();
  if (wait < kWaitParts) return due;
  const auto longest = static_cast<uint64_t>(wait + wait / kWaitParts);
  // The same for waits that differ a little: the highest three bits.
  const uint64_t period = longest - longest % std::max<uint64_t>(std::bit_floor(longest) / 4, 1);
  const auto rest = due.time_since_epoch() % milliseconds{period};
  if (rest == Time::duration::zero()) return due;
  const auto shared = due + (milliseconds{period} - rest);
  return shared - now <= milliseconds{longest} ? shared : due;
}

}  // namespace spdk_nvme
