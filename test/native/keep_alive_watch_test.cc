// When a quiet controller is probed, and when it counts as lost.

#include "native/core/connection/keep_alive_watch.h"

#include <gtest/gtest.h>

#include <chrono>

namespace spdk_nvme {
namespace {

using namespace std::chrono_literals;
using Verdict = KeepAliveWatch::Verdict;

/** A watch whose owner looks every ten milliseconds of a clock that the test turns. */
class KeepAlive : public testing::Test {
 protected:
  static constexpr auto kTimeout = 2'000ms;

  KeepAlive() { watch_.begin(now_); }

  /** Looks for as long as this; gives the first verdict that is not `fine`, with the time it took. */
  Verdict look_for(std::chrono::milliseconds time, std::chrono::milliseconds step = 10ms) {
    for (taken_ = 0ms; taken_ < time;) {
      now_ += step;
      taken_ += step;
      const Verdict verdict = watch_.look(now_);
      if (verdict != Verdict::fine) return verdict;
    }
    return Verdict::fine;
  }

  /** The machine, or this process, is paused. */
  void stand_still(std::chrono::milliseconds time) { now_ += time; }

  KeepAliveWatch watch_{kTimeout};
  KeepAliveWatch::Time now_{};
  std::chrono::milliseconds taken_{0};
};

TEST_F(KeepAlive, AsksAControllerThatIsQuietAndNoOther) {
  EXPECT_EQ(look_for(kTimeout), Verdict::send);
  EXPECT_EQ(taken_, 500ms);
  watch_.completed();
  EXPECT_EQ(look_for(490ms), Verdict::fine);
  watch_.responded();
  EXPECT_EQ(look_for(490ms), Verdict::fine);
  EXPECT_EQ(look_for(kTimeout), Verdict::send);
  EXPECT_EQ(taken_, 10ms);
}

TEST_F(KeepAlive, AsksOnceAtATime) {
  EXPECT_EQ(look_for(kTimeout), Verdict::send);
  EXPECT_EQ(look_for(kTimeout - 10ms), Verdict::fine);
}

TEST_F(KeepAlive, LosesAControllerThatDoesNotRespond) {
  EXPECT_EQ(look_for(kTimeout), Verdict::send);
  const auto quiet = taken_;
  EXPECT_EQ(look_for(2 * kTimeout), Verdict::lost);
  EXPECT_EQ(taken_, kTimeout);
  EXPECT_LE(quiet + taken_, kTimeout + 1'000ms);
}

TEST_F(KeepAlive, KeepsAControllerThatRespondsJustInTime) {
  for (int i = 0; i < 10; i++) {
    EXPECT_EQ(look_for(kTimeout), Verdict::send);
    EXPECT_EQ(look_for(kTimeout - 10ms), Verdict::fine);
    watch_.completed();
  }
}

TEST_F(KeepAlive, KeepsAControllerThatCompletesOtherCommands) {
  EXPECT_EQ(look_for(kTimeout), Verdict::send);
  for (int i = 0; i < 10; i++) {
    EXPECT_EQ(look_for(kTimeout - 10ms), Verdict::fine);
    watch_.responded();
  }
  EXPECT_EQ(look_for(kTimeout), Verdict::lost);
}

TEST_F(KeepAlive, AHostThatStandsStillIsNoSilentController) {
  stand_still(1h);
  // It has not responded for an hour, so it is probed.
  EXPECT_EQ(look_for(10ms), Verdict::send);
  // With a Keep Alive on its way next to nothing of the hour counts.
  stand_still(1h);
  EXPECT_EQ(look_for(20ms), Verdict::fine);
  EXPECT_EQ(look_for(kTimeout), Verdict::lost);
  EXPECT_GE(taken_, kTimeout - KeepAliveWatch::kLongestLook - 20ms);
}

TEST_F(KeepAlive, SleepsUntilItHasToAsk) {
  EXPECT_EQ(watch_.next_look(), now_ + 500ms);
  now_ += 200ms;
  EXPECT_EQ(watch_.look(now_), Verdict::fine);
  EXPECT_EQ(watch_.next_look(), now_ + 300ms);
  watch_.responded();
  EXPECT_EQ(watch_.next_look(), now_ + 500ms);
  now_ = watch_.next_look();
  EXPECT_EQ(watch_.look(now_), Verdict::send);
}

TEST_F(KeepAlive, IsLookedAtOftenEnoughToCountAllTimeWhileAsked) {
  EXPECT_EQ(look_for(kTimeout), Verdict::send);
  const auto sent = now_;
  Verdict verdict = Verdict::fine;
  while (verdict == Verdict::fine) {
    now_ = watch_.next_look();
    verdict = watch_.look(now_);
  }
  EXPECT_EQ(verdict, Verdict::lost);
  EXPECT_EQ(now_ - sent, kTimeout);
}

TEST_F(KeepAlive, AHostThatStandsStillAgainAndAgainStillNotices) {
  EXPECT_EQ(look_for(kTimeout), Verdict::send);
  // Ten seconds for each look: it takes as many looks as it would have taken time.
  EXPECT_EQ(look_for(1h, 10s), Verdict::lost);
  EXPECT_EQ(taken_, 10s * (kTimeout / KeepAliveWatch::kLongestLook));
}

TEST_F(KeepAlive, AClockThatGoesBackCountsNothing) {
  EXPECT_EQ(look_for(kTimeout), Verdict::send);
  stand_still(-1h);
  EXPECT_EQ(look_for(kTimeout - 10ms), Verdict::fine);
}

TEST_F(KeepAlive, ANewConnectionBeginsAnew) {
  EXPECT_EQ(look_for(kTimeout), Verdict::send);
  EXPECT_EQ(look_for(kTimeout - 10ms), Verdict::fine);
  stand_still(1h);
  watch_.begin(now_);
  EXPECT_EQ(look_for(490ms), Verdict::fine);
  EXPECT_EQ(look_for(kTimeout), Verdict::send);
}

TEST(KeepAliveWatch, NoticesWithinTheTimeoutAndASecondWhateverTheTimeout) {
  for (const auto timeout : {1ms, 100ms, 1'000ms, 10'000ms, 3'600'000ms}) {
    KeepAliveWatch watch(timeout);
    KeepAliveWatch::Time now{};
    watch.begin(now);
    auto verdict = Verdict::fine;
    while (verdict != Verdict::lost && now.time_since_epoch() < timeout + 2s) {
      now += 1ms;
      verdict = watch.look(now);
    }
    EXPECT_EQ(verdict, Verdict::lost);
    EXPECT_GE(now.time_since_epoch(), timeout);
    EXPECT_LE(now.time_since_epoch(), timeout + 1s);
  }
}

TEST(KeepAliveWatch, IsOffWithATimeoutOfZero) {
  KeepAliveWatch watch(0ms);
  KeepAliveWatch::Time now{};
  watch.begin(now);
  for (int i = 0; i < 100'000; i++) EXPECT_EQ(watch.look(now += 10ms), Verdict::fine);
  EXPECT_EQ(watch.next_look(), KeepAliveWatch::Time::max());
}

}  // namespace
}  // namespace spdk_nvme
