// Waits that end together.

#include "native/core/base/shared_time.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <random>
#include <set>
#include <vector>

namespace spdk_nvme {
namespace {

using namespace std::chrono_literals;
using Time = std::chrono::steady_clock::time_point;

TEST(SharedTime, IsTheDueTimeOfAShortWait) {
  const Time now{1234567us};
  for (const auto wait : {0us, 1us, 3999us, -5000us}) EXPECT_EQ(shared_time(now + wait, now), now + wait);
}

TEST(SharedTime, IsNeverForAWaitWithoutAnEnd) {
  EXPECT_EQ(shared_time(Time::max(), Time{5s}), Time::max());
}

TEST(SharedTime, IsAMultipleOfAPeriodWithinAQuarterOfTheWait) {
  // Of waits of 750 ms, which may last 937 ms: 7 * 128.
  constexpr auto kPeriod = 896ms;
  EXPECT_EQ(shared_time(Time{10 * kPeriod - 100ms}, Time{10 * kPeriod - 850ms}), Time{10 * kPeriod});
  EXPECT_EQ(shared_time(Time{10 * kPeriod}, Time{10 * kPeriod - 750ms}), Time{10 * kPeriod});
  EXPECT_EQ(shared_time(Time{10 * kPeriod - 200ms}, Time{10 * kPeriod - 950ms}), Time{10 * kPeriod - 200ms});
}

TEST(SharedTime, IsNeverEarlyAndAtMostAQuarterLate) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 100'000; i++) {
    const Time now{std::chrono::microseconds(random() % 1'000'000'000'000)};
    const std::chrono::microseconds wait(4'000 + random() % (uint64_t{1} << (random() % 34)));
    const Time end = shared_time(now + wait, now);
    EXPECT_GE(end, now + wait);
    EXPECT_LE(end, now + wait + wait / kWaitParts + 1ms);
  }
}

TEST(SharedTime, BringsWaitsTogether) {
  std::mt19937_64 random(2);
  for (const auto wait : {5ms, 50ms, 250ms, 750ms, 800ms, 1'000ms, 5'000ms}) {
    std::vector<Time> begins(256);
    for (Time& begin : begins) begin = Time{std::chrono::microseconds(random() % 1'000'000)};
    // They begin again a little later, behind each other.
    const Time end{1'000 * wait};
    for (Time& begin : begins) {
      while (begin < end) begin = shared_time(begin + wait, begin + wait / 200);
    }
    EXPECT_EQ(std::set(begins.begin(), begins.end()).size(), 1U) << wait.count() << " ms";
  }
}

}  // namespace
}  // namespace spdk_nvme
