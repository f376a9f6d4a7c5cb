// Queue sets at rest, which a poller polls seldom because the end of their connection is reported to it.

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>

#include "comes_true.h"
#include "fake_spdk/fake_spdk.h"
#include "fake_spdk/ring_driver.h"
#include "native/core/io/js_queue_set.h"
#include "native/core/io/poller.h"

namespace spdk_nvme {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr uint32_t kDepth = 8;
constexpr size_t kJsSlot = 1;
constexpr auto kLimit = 10s;
constexpr auto kIdleSleep = 200us;
/** Between polls of a set at rest. */
constexpr auto kRest = 100 * kIdleSleep;

/** A controller with one queue pair, served by a poller. */
struct Disk {
  Disk() {
    controller.data.mdts = 1;
    controller.max_transfer = 4096;
    controller.add(1, 512, 4096);
    EXPECT_TRUE(memory->allocate(1 << 20, region));
    ring->set_namespaces(read_namespace_table(&controller, tags));
  }

  void serve(Poller& poller, bool end_is_reported, bool visited = false) {
    set = std::make_shared<QueueSet>(&controller, linger, 0, std::vector{ring},
                                     std::make_shared<History>(1, "fake"), stats);
    {
      const LingerLock::ExclusiveGuard alone(*linger);
      ASSERT_TRUE(set->connect(kDepth, Clock::now() + 10s));
    }
    set->on_failure = [this] { lost = true; };
    set->end_is_reported = end_is_reported;
    poller.add(set, visited);
    ASSERT_TRUE(comes_true([this] { return polls() > 0; }, kLimit));
  }

  void free() const {
    const LingerLock::ExclusiveGuard alone(*linger);
    set->disconnect_and_free();
  }

  [[nodiscard]] uint64_t polls() const { return stats->of(0).polls.value(); }
  /** Whether it is polled as a set at rest is, over a time of many sleeps. */
  [[nodiscard]] bool rests() const {
    // The first sleeps after work are shorter.
    std::this_thread::sleep_for(kRest);
    const auto begun = Clock::now();
    const uint64_t before = polls();
    std::this_thread::sleep_for(20 * kRest);
    return polls() - before <= static_cast<uint64_t>((Clock::now() - begun) / kRest) + 1;
  }

  static constexpr size_t kThreads = 2;
  spdk_nvme_ctrlr controller;
  std::shared_ptr<DmaMemory> memory = std::make_shared<DmaMemory>();
  uint32_t region = 0;
  NamespaceTags tags;
  std::shared_ptr<IoRing> ring = std::make_shared<IoRing>(memory, kDepth);
  std::shared_ptr<LingerLock> linger = std::make_shared<LingerLock>(kThreads);
  std::shared_ptr<IoStats> stats = std::make_shared<IoStats>(kThreads);
  std::atomic<bool> lost{false};
  std::shared_ptr<QueueSet> set;
};

class RestingSet : public testing::Test {
 protected:
  ~RestingSet() override {
    disk_.free();
    if (other_.set) other_.free();
    poller_.stop();
    EXPECT_TRUE(poller_.join_for(5s));
  }

  Disk disk_;
  Disk other_;
  Poller poller_{0, PollerOptions{.idle_sleep = kIdleSleep}};
};

TEST_F(RestingSet, IsPolledSeldom) {
  disk_.serve(poller_, true);
  EXPECT_TRUE(disk_.rests());
}

TEST_F(RestingSet, IsPolledAfterEachSleepWhereItsEndIsNotReported) {
  disk_.serve(poller_, false);
  EXPECT_TRUE(comes_true([this] { return !disk_.rests(); }, kLimit));
}

TEST_F(RestingSet, IsPolledSeldomBesideOneThatIsPolledOften) {
  disk_.serve(poller_, true);
  other_.serve(poller_, false);
  EXPECT_TRUE(disk_.rests());
  EXPECT_TRUE(comes_true([this] { return !other_.rests(); }, kLimit));
}

TEST_F(RestingSet, IsPolledOnceInAWhile) {
  disk_.serve(poller_, true);
  disk_.controller.drop = true;
  EXPECT_TRUE(comes_true([this] { return disk_.lost.load(); }, kLimit));
}

TEST_F(RestingSet, IsPolledWhileACommandIsOutstanding) {
  disk_.controller.completions_of_poll = [](size_t) { return size_t{0}; };
  disk_.serve(poller_, true);
  RingDriver js(*disk_.ring, disk_.tags.of(1));
  js.push({.region = disk_.region});
  ASSERT_TRUE(js.publish());
  poller_.wake();
  EXPECT_TRUE(comes_true([this] { return !disk_.rests(); }, kLimit));
}

/** With a poller that would sleep for minutes. */
class RestingSetOfASleeper : public testing::Test {
 protected:
  RestingSetOfASleeper() {
    disk_.serve(poller_, true);
    // Its first sleeps are short.
    std::this_thread::sleep_for(50ms);
  }
  ~RestingSetOfASleeper() override {
    disk_.free();
    poller_.stop();
    EXPECT_TRUE(poller_.join_for(5s));
  }

  Disk disk_;
  Poller poller_{0, PollerOptions{.idle_sleep = 100s}};
};

TEST_F(RestingSetOfASleeper, IsPolledWhenItsEndIsReported) {
  disk_.controller.drop = true;
  poller_.wake();
  std::this_thread::sleep_for(50ms);
  EXPECT_FALSE(disk_.lost);
  poller_.look();
  EXPECT_TRUE(comes_true([this] { return disk_.lost.load(); }, kLimit));
}

TEST_F(RestingSetOfASleeper, IsPolledWhenItsEndIsReportedBeforeJavaScriptHasStoppedLooking) {
  Disk visited;
  visited.serve(poller_, true, true);
  JsQueueSet js(kJsSlot, &poller_);
  js.replace(visited.set);
  // At times the poller runs too late to take it for one that JavaScript polls.
  for (int i = 0; i < 20; i++) {
    std::this_thread::sleep_for(20ms);
    const uint64_t before = visited.polls();
    js.poll();
    poller_.look();
    EXPECT_TRUE(comes_true([&] { return visited.polls() > before; }, kLimit));
    if (HasFailure()) break;
  }
  visited.free();
}

TEST_F(RestingSetOfASleeper, IsPolledSoonAfterAnotherThreadHadIt) {
  // Its sleeps are longer than the test may take.
  std::this_thread::sleep_for(kLimit / 2);
  RingDriver js(*disk_.ring, disk_.tags.of(1));
  const auto begun = Clock::now();
  {
    const LingerLock::ExclusiveGuard alone(*disk_.linger);
    js.push({.region = disk_.region});
    ASSERT_TRUE(js.publish());
    poller_.wake();
    std::this_thread::sleep_for(50ms);
  }
  EXPECT_TRUE(comes_true([&] { return !js.reap().empty(); }, kLimit));
  EXPECT_LT(Clock::now() - begun, kLimit / 4);
}

TEST_F(RestingSetOfASleeper, IsLookedAtAlsoIfAnotherThreadHadItWhenItsEndWasReported) {
  {
    const LingerLock::ExclusiveGuard alone(*disk_.linger);
    disk_.controller.drop = true;
    poller_.look();
    std::this_thread::sleep_for(50ms);
  }
  EXPECT_TRUE(comes_true([this] { return disk_.lost.load(); }, kLimit));
}

TEST_F(RestingSetOfASleeper, IsPolledForEachNewCommand) {
  RingDriver js(*disk_.ring, disk_.tags.of(1));
  for (int i = 0; i < 500; i++) {
    // At times the poller has come to rest, at times it is about to.
    std::this_thread::sleep_for(std::chrono::microseconds(i));
    js.push({.region = disk_.region});
    ASSERT_TRUE(js.publish());
    poller_.wake();
    ASSERT_TRUE(comes_true([&] { return !js.reap().empty(); }, kLimit)) << i;
  }
}

}  // namespace
}  // namespace spdk_nvme
