#include "native/core/controller/reconnect.h"

#include <gtest/gtest.h>

namespace spdk_nvme {
namespace {

using namespace std::chrono_literals;
using Time = Reconnect::Time;
using WaitingIo = Reconnect::WaitingIo;

const Time kStart{100s};

TEST(Reconnect, NextAttemptIsADelayAfterTheBeginningOfTheLast) {
  Reconnect reconnect({.delay = 2s, .loss_timeout = 10s});
  EXPECT_TRUE(reconnect.enabled());
  reconnect.begin(kStart);
  EXPECT_EQ(reconnect.next_attempt(kStart + 1s, kStart + 2s), kStart + 3s);
}

TEST(Reconnect, NextAttemptIsNowWhenTheLastTookLongerThanTheDelay) {
  Reconnect reconnect({.delay = 2s, .loss_timeout = 10s});
  reconnect.begin(kStart);
  EXPECT_EQ(reconnect.next_attempt(kStart, kStart + 5s), kStart + 5s);
}

TEST(Reconnect, NextAttemptIsNoneAfterTheLossTimeout) {
  Reconnect reconnect({.delay = 2s, .loss_timeout = 10s});
  reconnect.begin(kStart);
  EXPECT_EQ(reconnect.next_attempt(kStart + 8s, kStart + 8s), kStart + 10s);
  EXPECT_EQ(reconnect.next_attempt(kStart + 8001ms, kStart + 8001ms), std::nullopt);
  EXPECT_EQ(reconnect.next_attempt(kStart + 1s, kStart + 11s), std::nullopt);
}

TEST(Reconnect, NextAttemptIsNoneAfterARejectionForGoodIfThePolicySaysSo) {
  Status rejected = Status::failure("ERR_SPDK_CONNECT_REJECTED", "no");
  rejected.nvme = NvmeStatus{1, 0x84, true};
  Status busy = Status::failure("ERR_SPDK_CONNECT_REJECTED", "not now");
  busy.nvme = NvmeStatus{1, 0x81, false};
  for (const bool stop : {false, true}) {
    Reconnect reconnect({.delay = 2s, .loss_timeout = 10s, .stop_on_rejection = stop});
    reconnect.begin(kStart);
    EXPECT_EQ(reconnect.next_attempt(kStart, kStart, rejected).has_value(), !stop);
    EXPECT_TRUE(reconnect.next_attempt(kStart, kStart, busy).has_value());
    EXPECT_TRUE(
        reconnect.next_attempt(kStart, kStart, Status::failure("ERR_SPDK_UNREACHABLE", "")).has_value());
  }
}

TEST(Reconnect, NextAttemptCountsFromTheLatestLoss) {
  Reconnect reconnect({.delay = 2s, .loss_timeout = 10s});
  reconnect.begin(kStart);
  reconnect.end();
  reconnect.begin(kStart + 60s);
  EXPECT_EQ(reconnect.next_attempt(kStart + 61s, kStart + 61s), kStart + 63s);
}

TEST(Reconnect, NextAttemptIsNoneWithoutAPolicy) {
  Reconnect reconnect({});
  EXPECT_FALSE(reconnect.enabled());
  reconnect.begin(kStart);
  EXPECT_EQ(reconnect.next_attempt(kStart + 1ms, kStart + 1s), std::nullopt);
}

TEST(Reconnect, NextAttemptNeverEndsWithoutALossTimeout) {
  Reconnect reconnect({.delay = 1s, .loss_timeout = ReconnectPolicy::kForever});
  reconnect.begin(kStart);
  EXPECT_EQ(reconnect.next_attempt(kStart + 24h, kStart + 24h), kStart + 24h + 1s);
}

TEST(Reconnect, WaitingIoIsKeptWithoutATimeForIt) {
  Reconnect reconnect({.delay = 1s, .loss_timeout = ReconnectPolicy::kForever});
  reconnect.begin(kStart);
  EXPECT_EQ(reconnect.waiting_io(kStart + 24h), WaitingIo::keep);
  EXPECT_EQ(reconnect.next_look(kStart), Time::max());
  Reconnect forever({.delay = 1s, .loss_timeout = 10s, .fast_io_fail = ReconnectPolicy::kForever});
  forever.begin(kStart);
  EXPECT_EQ(forever.waiting_io(kStart + 24h), WaitingIo::keep);
}

TEST(Reconnect, WaitingIoFailsFromItsTimeOn) {
  Reconnect reconnect({.delay = 1s, .loss_timeout = 10s, .fast_io_fail = 3s});
  reconnect.begin(kStart);
  EXPECT_EQ(reconnect.waiting_io(kStart + 2999ms), WaitingIo::keep);
  EXPECT_EQ(reconnect.next_look(kStart + 1s), kStart + 3s);
  EXPECT_EQ(reconnect.waiting_io(kStart + 3s), WaitingIo::begin_to_fail);
  EXPECT_EQ(reconnect.waiting_io(kStart + 3s), WaitingIo::fail);
  EXPECT_EQ(reconnect.next_look(kStart + 4s), kStart + 4s + Reconnect::kFastFailInterval);
}

TEST(Reconnect, WaitingIoIsKeptAgainAfterTheEnd) {
  Reconnect reconnect({.delay = 1s, .loss_timeout = 10s, .fast_io_fail = 3s});
  reconnect.begin(kStart);
  EXPECT_EQ(reconnect.waiting_io(kStart + 3s), WaitingIo::begin_to_fail);
  reconnect.end();
  EXPECT_EQ(reconnect.waiting_io(kStart + 30s), WaitingIo::keep);
  reconnect.begin(kStart + 60s);
  EXPECT_EQ(reconnect.waiting_io(kStart + 62s), WaitingIo::keep);
  EXPECT_EQ(reconnect.waiting_io(kStart + 63s), WaitingIo::begin_to_fail);
}

}  // namespace
}  // namespace spdk_nvme
