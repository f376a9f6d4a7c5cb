// Queue sets at rest, which a poller polls seldom because the end of their connection is reported to it.

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>

#include "comes_true.h"
#include "fake_spdk/fake_spdk.h"
#include "fake_spdk/ring_driver.h"
#include "native/core/io/poller.h"

namespace spdk_nvme {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr uint32_t kDepth = 8;
constexpr size_t kSlots = 2;
constexpr auto kLimit = 10s;
/** Sleeps that a set at rest is not polled after. */
constexpr uint64_t kSleepsAtRest = 10;

class RestingSet : public testing::Test {
 protected:
  RestingSet() {
    controller_.data.mdts = 1;
    controller_.max_transfer = 4096;
    controller_.add(1, 512, 4096);
    EXPECT_TRUE(memory_->allocate(1 << 20, region_));
    ring_ = std::make_shared<IoRing>(memory_, kDepth);
    ring_->set_namespaces(read_namespace_table(&controller_, tags_));
  }

  ~RestingSet() override {
    {
      const LingerLock::ExclusiveGuard alone(*linger_);
      set_->free();
    }
    poller_->stop();
    EXPECT_TRUE(poller_->join_for(5s));
  }

  void serve(bool end_is_reported, std::chrono::microseconds idle_sleep) {
    poller_ = std::make_unique<Poller>(0, PollerOptions{.idle_sleep = idle_sleep});
    set_ = std::make_shared<QueueSet>(&controller_, linger_, 0, std::vector{ring_}, history_, stats_);
    {
      const LingerLock::ExclusiveGuard alone(*linger_);
      ASSERT_TRUE(set_->connect(kDepth, Clock::now() + 1s));
    }
    set_->on_failure = [this] { lost_ = true; };
    set_->end_is_reported = end_is_reported;
    poller_->add(set_);
    ASSERT_TRUE(comes_true([&] { return poller_->stats().polls > 0; }, kLimit));
  }

  /** Polls for each sleep of the poller, over a hundred of its sleeps. */
  [[nodiscard]] double polls_for_each_sleep() const {
    const PollerStats before = poller_->stats();
    EXPECT_TRUE(comes_true([&] { return poller_->stats().sleeps >= before.sleeps + 100; }, kLimit));
    const PollerStats after = poller_->stats();
    return static_cast<double>(after.polls - before.polls) / static_cast<double>(after.sleeps - before.sleeps);
  }

  spdk_nvme_ctrlr controller_;
  std::shared_ptr<DmaMemory> memory_ = std::make_shared<DmaMemory>();
  uint32_t region_ = 0;
  std::shared_ptr<IoRing> ring_;
  const std::shared_ptr<LingerLock> linger_ = std::make_shared<LingerLock>(kSlots);
  const std::shared_ptr<IoStats> stats_ = std::make_shared<IoStats>(kSlots);
  const std::shared_ptr<History> history_ = std::make_shared<History>(1, "fake");
  NamespaceTags tags_;
  std::atomic<bool> lost_{false};
  std::unique_ptr<Poller> poller_;
  std::shared_ptr<QueueSet> set_;
};

TEST_F(RestingSet, IsPolledSeldomWhereItsEndIsReported) {
  serve(true, 2ms);
  EXPECT_LT(polls_for_each_sleep(), 2.0 / kSleepsAtRest);
}

TEST_F(RestingSet, IsPolledAfterEachSleepWhereItIsNot) {
  serve(false, 2ms);
  EXPECT_GT(polls_for_each_sleep(), 0.9);
}

TEST_F(RestingSet, IsPolledOnceInTenSleepsAllTheSame) {
  serve(true, 2ms);
  controller_.drop = true;
  EXPECT_TRUE(comes_true([&] { return lost_.load(); }, kLimit));
}

TEST_F(RestingSet, IsPolledWhenItsEndIsReported) {
  serve(true, 100s);
  std::this_thread::sleep_for(50ms);
  controller_.drop = true;
  poller_->wake();
  std::this_thread::sleep_for(50ms);
  EXPECT_FALSE(lost_);
  poller_->look();
  EXPECT_TRUE(comes_true([&] { return lost_.load(); }, kLimit));
}

TEST_F(RestingSet, IsPolledForEachNewCommand) {
  serve(true, 100s);
  RingDriver js(*ring_, tags_.of(1));
  for (int i = 0; i < 500; i++) {
    // At times the poller has come to rest, at times it is about to.
    std::this_thread::sleep_for(std::chrono::microseconds(i));
    js.push({.region = region_});
    ASSERT_TRUE(js.publish());
    poller_->wake();
    ASSERT_TRUE(comes_true([&] { return !js.reap().empty(); }, kLimit)) << i;
  }
}

TEST_F(RestingSet, IsPolledWhileACommandIsOutstanding) {
  controller_.completions_of_poll = [](size_t) { return size_t{0}; };
  serve(true, 2ms);
  RingDriver js(*ring_, tags_.of(1));
  js.push({.region = region_});
  ASSERT_TRUE(js.publish());
  poller_->wake();
  EXPECT_GT(polls_for_each_sleep(), 0.9);
}

}  // namespace
}  // namespace spdk_nvme
