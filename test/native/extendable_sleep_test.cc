// A sleep that is prolonged and ended by other threads.

#include "native/core/base/extendable_sleep.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <thread>

namespace spdk_nvme {
namespace {

using namespace std::chrono_literals;
using Clock = ExtendableSleep::Clock;

const auto never = [] { return false; };

TEST(ExtendableSleep, EndsByItself) {
  ExtendableSleep sleep;
  ASSERT_TRUE(sleep.available());
  const auto begun = Clock::now();
  sleep.sleep(begun + 5ms, begun + 1h, never);
  EXPECT_GE(Clock::now() - begun, 5ms);
}

TEST(ExtendableSleep, LastsAsLongAsItIsProlonged) {
  ExtendableSleep sleep;
  const auto begun = Clock::now();
  std::atomic<bool> done{false};
  std::thread other([&] {
    while (Clock::now() - begun < 700ms) {
      sleep.prolong(Clock::now() + 1s, never);
      std::this_thread::sleep_for(1ms);
    }
    // The next one would last for a second.
    sleep.prolong(Clock::now() + 5ms, never);
    done = true;
  });
  // Long enough for the other thread to begin, on a busy machine too.
  sleep.sleep(begun + 500ms, begun + 1h, never);
  EXPECT_GE(Clock::now() - begun, 700ms);
  other.join();
  EXPECT_TRUE(done);
}

TEST(ExtendableSleep, IsNotProlongedBeyondItsLimit) {
  ExtendableSleep sleep;
  std::atomic<bool> done{false};
  std::thread other([&] {
    while (!done) sleep.prolong(Clock::now() + 3ms, never);
  });
  const auto begun = Clock::now();
  sleep.sleep(begun + 1ms, begun + 20ms, never);
  EXPECT_GE(Clock::now() - begun, 1ms);
  done = true;
  other.join();
}

TEST(ExtendableSleep, DoesNotBeginWithAReasonNotTo) {
  ExtendableSleep sleep;
  const auto begun = Clock::now();
  sleep.sleep(begun + 1h, begun + 1h, [] { return true; });
  EXPECT_LT(Clock::now() - begun, 1h);
}

TEST(ExtendableSleep, HoldsNoDescriptorOnceItIsClosed) {
  const int next = dup(0);
  close(next);
  ExtendableSleep sleep;
  sleep.close();
  EXPECT_FALSE(sleep.available());
  sleep.end();
  sleep.prolong(Clock::now(), never);
  const int after = dup(0);
  close(after);
  EXPECT_EQ(after, next);
}

/** Ends while another thread prolongs: a lost one would last for an hour. */
TEST(ExtendableSleep, LosesNoEnd) {
  ExtendableSleep sleep;
  std::atomic<bool> reason{false};
  std::atomic<bool> done{false};
  const auto ended = [&] { return reason.load(); };
  std::thread prolongs([&] {
    while (!done) sleep.prolong(Clock::now() + 1h, ended);
  });
  std::atomic<int> rounds{0};
  std::thread ends([&] {
    while (!done) {
      const int round = rounds;
      // At a different moment each time, also when it sleeps.
      const auto when = Clock::now() + std::chrono::microseconds(round % 64);
      while (Clock::now() < when) std::this_thread::yield();
      reason = true;
      sleep.end();
      while (rounds == round && !done) std::this_thread::yield();
    }
  });
  // On a busy machine a round takes some milliseconds.
  const auto enough = Clock::now() + 2s;
  for (int round = 0; round < 5'000 && (round < 500 || Clock::now() < enough); round++) {
    const auto now = Clock::now();
    sleep.sleep(now + 1h, now + 2h, ended);
    reason = false;
    rounds++;
  }
  done = true;
  prolongs.join();
  ends.join();
}

}  // namespace
}  // namespace spdk_nvme
