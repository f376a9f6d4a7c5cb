// The interface of spdk/queue_pairs.h, on each of its implementations: this test runs for a release before v22.05, and for v22.05.

#include "native/spdk/queue_pairs.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "fake_spdk/fake_spdk.h"
#include "fake_spdk/fake_target.h"
#include "native/spdk/interpose/last_answer.h"

namespace spdk_nvme::spdk {
namespace {

using namespace std::chrono_literals;

constexpr uint32_t kDepth = 8;
constexpr int kPairs = 3;
/** More polls than the fake needs for anything. */
constexpr int kPolls = 20;
/** More than a set polls in a second while commands are outstanding, unless its thread spins. */
constexpr int kPollsOfSecond = 10'000;

class QueuePairs : public testing::Test {
 protected:
  QueuePairs() {
    controller_.transport_id.trtype = SPDK_NVME_TRANSPORT_TCP;
    controller_.add(1, 512, 64);
    for (int i = 0; i < kPairs; i++) EXPECT_TRUE(pairs_.connect(kDepth));
    EXPECT_TRUE(poll_until([&] { return pairs_.connection() != PolledQueuePairs::Connection::pending; }));
    EXPECT_EQ(pairs_.connection(), PolledQueuePairs::Connection::established);
  }

  template <typename Condition>
  bool poll_until(Condition reached) {
    for (int i = 0; i < kPolls && !reached(); i++) pairs_.poll();
    return reached();
  }

  /** Sends a command to each, which the controller keeps. */
  void send() {
    controller_.completions_of_poll = [](size_t) { return size_t{0}; };
    const auto done = [](void* self, const spdk_nvme_cpl*) {
      static_cast<QueuePairs*>(self)->completed_++;
      LastAnswer::came();
    };
    spdk_nvme_cmd command{};
    command.nsid = 1;
    for (size_t i = 0; i < pairs_.size(); i++) {
      EXPECT_EQ(spdk_nvme_ctrlr_cmd_io_raw(&controller_, pairs_[i], &command, nullptr, 0, done, this), 0);
    }
  }

  void expect_end() {
    EXPECT_EQ(pairs_.size(), 0U);
    EXPECT_FALSE(fake::has_queue_pairs(controller_));
    EXPECT_EQ(completed_, kPairs);
    EXPECT_EQ(fake::target().completed_while_connected, 0U);
  }

  spdk_nvme_ctrlr controller_;
  PolledQueuePairs pairs_{&controller_};
  LingerLock linger_{1};
  int completed_ = 0;
};

TEST_F(QueuePairs, AreAllReadInOnePollWhateverTheLastAnswerOfOne) {
  send();
  controller_.completions_of_poll = {};
  pairs_.poll();
  EXPECT_EQ(completed_, kPairs);
  EXPECT_FALSE(LastAnswer::has_come());
  pairs_.disconnect();
  EXPECT_TRUE(poll_until([&] { return pairs_.disconnected(); }));
  pairs_.free();
  expect_end();
}

TEST_F(QueuePairs, AreFreedAfterADisconnect) {
  send();
  pairs_.disconnect();
  EXPECT_TRUE(pairs_.disturbed());
  EXPECT_TRUE(poll_until([&] { return pairs_.disconnected(); }));
  pairs_.free();
  expect_end();
}

TEST_F(QueuePairs, AreFreedByWhoeverTheRequestLeavesThemTo) {
  send();
  EXPECT_FALSE(pairs_.disconnect_requested());
  pairs_.request_disconnect();
  if (pairs_.disconnect_requested()) {
    pairs_.disconnect();
    EXPECT_TRUE(poll_until([&] { return pairs_.disconnected(); }));
  }
  pairs_.free();
  expect_end();
}

TEST_F(QueuePairs, ReportALossBeforeAnyIsDestroyed) {
  controller_.drop = true;
  EXPECT_LT(pairs_.poll(), 0);
  EXPECT_TRUE(pairs_.disturbed());
  EXPECT_EQ(pairs_.connection(), PolledQueuePairs::Connection::failed);
  EXPECT_EQ(pairs_.size(), size_t{kPairs});
  EXPECT_TRUE(fake::has_queue_pairs(controller_));
  pairs_.disconnect();
  EXPECT_TRUE(poll_until([&] { return pairs_.disconnected(); }));
  pairs_.free();
}

TEST_F(QueuePairs, AreNotLostWhileTheTargetTakesItsTime) {
  send();
  for (int i = 0; i < kPollsOfSecond; i++) ASSERT_EQ(pairs_.poll(), 0);
  EXPECT_FALSE(pairs_.disturbed());
  pairs_.disconnect();
  EXPECT_TRUE(poll_until([&] { return pairs_.disconnected(); }));
  pairs_.free();
}

#if SPDK_NVME_ASYNC_QUEUE_PAIRS  // Those outside of a poll group are polled as SocketUse says, which socket_use_test tests.
TEST_F(QueuePairs, ReportALossWhereSpdkReadsNoMoreFromThem) {
  send();
  controller_.unread = true;
  int64_t result = 0;
  for (int i = 0; i < kPollsOfSecond && result == 0; i++) result = pairs_.poll();
  EXPECT_LT(result, 0);
  pairs_.disconnect();
  EXPECT_TRUE(poll_until([&] { return pairs_.disconnected(); }));
  pairs_.free();
  expect_end();
}
#endif

TEST_F(QueuePairs, CountInAPollGroupAndTakeNoLockWithoutOne) {
  const auto stats = pairs_.transport_stats(linger_, 1s);
  EXPECT_EQ(stats.empty(), !kAsyncQueuePairs);
  for (const TransportStats& one : stats) EXPECT_EQ(one.name, "tcp");
  EXPECT_EQ(linger_.counters().exclusive, kAsyncQueuePairs ? 1U : 0U);
  {
    const LingerLock::ExclusiveGuard alone(linger_);
    std::thread([&] { EXPECT_TRUE(pairs_.transport_stats(linger_, 1ms).empty()); }).join();
  }
  pairs_.disconnect();
  EXPECT_TRUE(poll_until([&] { return pairs_.disconnected(); }));
  pairs_.free();
  EXPECT_TRUE(pairs_.transport_stats(linger_, 1s).empty());
}

}  // namespace
}  // namespace spdk_nvme::spdk
