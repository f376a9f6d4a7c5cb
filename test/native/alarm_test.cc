// When a thread wakes whose alarm others move.

#include "native/core/base/alarm.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <future>
#include <iterator>
#include <thread>

#include "native/core/base/control_threads.h"
#include "native/core/base/deadlines.h"

namespace spdk_nvme {
namespace {

using namespace std::chrono_literals;
using Clock = Alarm::Clock;

TEST(Alarm, WakesAtTheTimeThatWasSetLast) {
  const Alarm alarm;
  const auto begun = Clock::now();
  alarm.set(begun + 1h);
  alarm.set(begun + 20ms);
  alarm.wait();
  EXPECT_GE(Clock::now(), begun + 20ms);
}

TEST(Alarm, IsMovedDuringTheSleep) {
  const Alarm alarm;
  const auto begun = Clock::now();
  alarm.set(begun + 100ms);
  std::promise<Clock::time_point> woken;
  std::thread sleeper([&] {
    alarm.wait();
    woken.set_value(Clock::now());
  });
  const auto later = begun + 300ms;
  alarm.set(later);
  // On a busy machine this thread may come too late to move it.
  const bool moved = Clock::now() < begun + 100ms;
  const auto at = woken.get_future().get();
  sleeper.join();
  EXPECT_GE(at, moved ? later : begun + 100ms);
}

TEST(Alarm, ThatIsStoppedWakesNobody) {
  const Alarm alarm;
  alarm.set(Clock::now() + 1h);
  alarm.set(Clock::time_point::max());
  std::atomic<bool> woken{false};
  std::thread sleeper([&] {
    alarm.wait();
    woken = true;
  });
  std::this_thread::sleep_for(50ms);
  EXPECT_FALSE(woken);
  alarm.set({});
  sleeper.join();
}

TEST(Alarm, InThePastWakesImmediately) {
  const Alarm alarm;
  alarm.set(Clock::now() - 1s);
  alarm.wait();
  alarm.set({});
  alarm.wait();
}

/** The descriptors of this process. */
ptrdiff_t descriptors() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
}

TEST(Alarm, HoldsNoDescriptorAfterItsEnd) {
  const ptrdiff_t before = descriptors();
  Alarm alarm;
  EXPECT_EQ(descriptors(), before + 1);
  alarm.end();
  EXPECT_EQ(descriptors(), before);
  alarm.set(Clock::now());
}

TEST(Alarm, ThreadsThatHaveEndedHoldNoDescriptor) {
  const ptrdiff_t before = descriptors();
  Deadlines deadlines;
  ControlThreads threads;
  EXPECT_GT(descriptors(), before);
  deadlines.stop();
  EXPECT_TRUE(threads.join_for(10s));
  EXPECT_EQ(descriptors(), before);
}

}  // namespace
}  // namespace spdk_nvme
