// A queue set that JavaScript and a poller share, on threads of their own; made for ThreadSanitizer. Longer than other
// files: all that one fixture is needed for.

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <random>
#include <thread>
#include <utility>

#include "fake_spdk/fake_spdk.h"
#include "fake_spdk/ring_driver.h"
#include "native/core/io/js_queue_set.h"
#include "native/core/io/poller.h"

namespace {
/** How long a thread that gives way waits for the processor. */
thread_local std::chrono::milliseconds away{0};
}  // namespace

/** Takes the place of the C library's. */
extern "C" int sched_yield() noexcept {
  if (away.count() > 0) {
    std::this_thread::sleep_for(away);
    return 0;
  }
  return static_cast<int>(syscall(SYS_sched_yield));
}

namespace spdk_nvme {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr uint32_t kDepth = 8;
constexpr size_t kPollerSlot = 0;
constexpr size_t kJsSlot = 1;
constexpr size_t kSlots = 2;

class VisitedSet : public testing::Test {
 protected:
  VisitedSet() {
    controller_.data.mdts = 1;
    controller_.max_transfer = 4096;
    controller_.add(1, 512, 4096);
    EXPECT_TRUE(memory_->allocate(1 << 20, region_));
    ring_ = std::make_shared<IoRing>(memory_, kDepth);
    ring_->on_completions = [this] { messages_++; };
  }

  ~VisitedSet() override {
    poller_.stop();
    EXPECT_TRUE(poller_.join_for(5s));
  }

  /** As the control thread does. */
  void connect() {
    ring_->set_namespaces(read_namespace_table(&controller_, tags_));
    set_ =
        std::make_shared<QueueSet>(&controller_, linger_, kPollerSlot, std::vector{ring_}, history_, stats_);
    {
      const LingerLock::ExclusiveGuard alone(*linger_);
      ASSERT_TRUE(set_->connect(kDepth, Clock::now() + 10s));
    }
    set_->on_failure = [this] { losses_++; };
    js_set_.replace(set_);
    poller_.add(set_, true);
  }

  /** A read of one block, as the JavaScript thread submits it. */
  void submit(RingDriver& js, JsQueueSet& js_set) const {
    js.push({.region = region_});
    ASSERT_TRUE(js.publish());
    js_set.submitted(false);
  }

  void free() {
    const LingerLock::ExclusiveGuard alone(*linger_);
    set_->disconnect_and_free();
    ring_->settle_cancelled();
    ring_->notify();
  }

  [[nodiscard]] uint64_t polls(size_t thread) const { return stats_->of(thread).polls.value(); }

  /** Whether it becomes true, within a time that no machine exceeds. */
  static bool soon(const std::function<bool()>& what) {
    const auto limit = Clock::now() + 30s;
    while (!what()) {
      if (Clock::now() >= limit) return false;
      std::this_thread::sleep_for(50us);
    }
    return true;
  }

  spdk_nvme_ctrlr controller_;
  std::shared_ptr<DmaMemory> memory_ = std::make_shared<DmaMemory>();
  uint32_t region_ = 0;
  std::shared_ptr<IoRing> ring_;
  const std::shared_ptr<LingerLock> linger_ = std::make_shared<LingerLock>(kSlots);
  const std::shared_ptr<IoStats> stats_ = std::make_shared<IoStats>(kSlots);
  const std::shared_ptr<History> history_ = std::make_shared<History>(1, "fake");
  NamespaceTags tags_;
  std::atomic<uint64_t> messages_{0};
  std::atomic<uint64_t> losses_{0};
  Poller poller_{0, {}};
  JsQueueSet js_set_{kJsSlot, &poller_};
  std::shared_ptr<QueueSet> set_;
};

TEST_F(VisitedSet, IsPolledByJavaScriptAloneWhileThatLooks) {
  controller_.completions_of_poll = [](size_t) { return size_t{0}; };
  connect();
  RingDriver js(*ring_, tags_.of(1));
  submit(js, js_set_);
  // A machine that takes this thread's processor away for long makes the poller right to take over: a busy one needs more rounds.
  uint64_t undisturbed = 0;
  for (int i = 0; i < 200 || (i < 2'000 && undisturbed <= 100); i++) {
    const auto begun = Clock::now();
    const uint64_t before = polls(kPollerSlot);
    while (Clock::now() - begun < 1ms) js_set_.poll();
    if (polls(kPollerSlot) == before) undisturbed++;
  }
  EXPECT_GT(undisturbed, 100U);
  EXPECT_GT(polls(kJsSlot), 200U);
  free();
  js.reap();
}

TEST_F(VisitedSet, HasItsPollerSleepOnWhileJavaScriptLooks) {
  controller_.completions_of_poll = [](size_t) { return size_t{0}; };
  connect();
  RingDriver js(*ring_, tags_.of(1));
  submit(js, js_set_);
  // As above: more rounds on a busy machine.
  uint64_t rarely = 0;
  for (int i = 0; i < 25 || (i < 1'000 && rarely <= 3); i++) {
    const auto begun = Clock::now();
    const uint64_t before = poller_.stats().sleeps;
    while (Clock::now() - begun < 12ms) js_set_.poll();
    // It looks every 50 ms. Where there may be other sets it looks every 5 ms.
    if (poller_.stats().sleeps - before <= 1) rarely++;
  }
  EXPECT_GT(rarely, 3U);
  free();
  js.reap();
}

TEST_F(VisitedSet, IsLeftToJavaScriptThatWaitsForTheProcessor) {
  controller_.completions_of_poll = [](size_t) { return size_t{0}; };
  connect();
  RingDriver js(*ring_, tags_.of(1));
  submit(js, js_set_);
  away = 5ms;
  uint64_t undisturbed = 0;
  for (int i = 0; i < 20 || (i < 1'000 && undisturbed <= 10); i++) {
    const uint64_t before = polls(kPollerSlot);
    js_set_.poll(10us);
    if (polls(kPollerSlot) == before) undisturbed++;
  }
  EXPECT_GT(undisturbed, 10U);
  // But not for as long as it takes.
  away = 1s;
  const uint64_t before = polls(kPollerSlot);
  js_set_.poll(10us);
  EXPECT_GT(polls(kPollerSlot), before);
  away = 0ms;
  free();
  js.reap();
}

TEST_F(VisitedSet, IsPolledOnceForSeveralCompletionsThatFollowEachOther) {
  controller_.completions_of_poll = [](size_t) { return size_t{1}; };
  connect();
  RingDriver js(*ring_, tags_.of(1));
  constexpr int kRounds = 50;
  int thirds = 0;
  int more = 0;
  for (int round = 0; round < kRounds; round++) {
    for (uint32_t i = 0; i < kDepth; i++) js.push({.region = region_});
    ASSERT_TRUE(js.publish());
    js_set_.poll(100us);
    size_t completed = js.reap().size();
    if (completed == kDepth / 3) thirds++;
    if (completed > kDepth / 3) more++;
    ASSERT_TRUE(soon([&] {
      js_set_.poll(100us);
      return (completed += js.reap().size()) == kDepth;
    }));
  }
  // A third of them, and no more than that: JavaScript has something to do. On a busy machine the time between two may be too
  // long, or the poller takes over before this thread has polled.
  EXPECT_GT(thirds, 0);
  EXPECT_LT(more, kRounds / 2);
  free();
}

/** Two sets of one poller. */
class TwoVisitedSets : public VisitedSet {
 protected:
  void SetUp() override {
    // Before the poller polls, which reads it.
    controller_.completions_of_poll = [this](size_t in_flight) { return completing_ ? in_flight : 0; };
    connect();
    other_ring_->set_namespaces(read_namespace_table(&controller_, tags_));
    {
      const LingerLock::ExclusiveGuard alone(*linger_);
      ASSERT_TRUE(other_->connect(kDepth, Clock::now() + 10s));
    }
    poller_.add(other_, true);
    js_other_.replace(other_);
  }

  void TearDown() override {
    {
      const LingerLock::ExclusiveGuard alone(*linger_);
      other_->disconnect_and_free();
    }
    free();
  }

  /** Whether polls complete what is outstanding. */
  std::atomic<bool> completing_{true};
  const std::shared_ptr<IoRing> other_ring_ = std::make_shared<IoRing>(memory_, kDepth);
  const std::shared_ptr<QueueSet> other_ = std::make_shared<QueueSet>(
      &controller_, linger_, kPollerSlot, std::vector{other_ring_}, history_, stats_);
  JsQueueSet js_other_{kJsSlot, &poller_};
};

TEST_F(TwoVisitedSets, ArePolledWhileJavaScriptLooksAtTheOtherOnly) {
  RingDriver js(*other_ring_, tags_.of(1));
  for (int round = 0; round < 20; round++) {
    // Its poller watches already, so it is not woken for this one.
    js_set_.poll();
    submit(js, js_other_);
    ASSERT_TRUE(soon([&] {
      js_set_.poll();
      return !js.reap().empty();
    }));
  }
}

TEST_F(TwoVisitedSets, ArePolledByJavaScriptAloneWhileItGoesRoundThem) {
  completing_ = false;
  RingDriver js(*ring_, tags_.of(1));
  RingDriver js_of_other(*other_ring_, tags_.of(1));
  submit(js, js_set_);
  submit(js_of_other, js_other_);
  // What counts is rounds in which this thread kept its processor. A busy machine has few, and in those that follow one of the
  // others the poller may still have to notice that this thread is back.
  uint64_t rounds = 0;
  uint64_t disturbed = 0;
  for (int i = 0; i < 2'000 && (rounds < 30 || disturbed * 2 > rounds); i++) {
    const uint64_t before = polls(kPollerSlot);
    const auto begun = Clock::now();
    auto last = begun;
    auto longest = Clock::duration::zero();
    // Handling the completions of many others takes longer than the poller waits for JavaScript.
    js_set_.poll();
    while (last - begun < 6ms) {
      js_other_.poll();
      const auto now = Clock::now();
      longest = std::max(longest, now - std::exchange(last, now));
    }
    if (longest > 200us) continue;
    rounds++;
    if (polls(kPollerSlot) != before) disturbed++;
  }
  EXPECT_LE(disturbed * 2, rounds);
}

TEST_F(TwoVisitedSets, AreLeftToThePollerWithoutDelayByAWakeRequest) {
  RingDriver js(*other_ring_, tags_.of(1));
  auto fastest = Clock::duration::max();
  for (int round = 0; round < 20; round++) {
    js_set_.poll();
    js.ask();
    submit(js, js_other_);
    const auto begun = Clock::now();
    ASSERT_TRUE(soon([&] {
      js_set_.poll();
      return !js.reap().empty();
    }));
    fastest = std::min(fastest, Clock::now() - begun);
  }
  // Without one it waits for 50 ms.
  EXPECT_LT(fastest, 30ms);
}

TEST_F(VisitedSet, IsTakenOverWhileJavaScriptIsBusyAndGivenBack) {
  connect();
  RingDriver js(*ring_, tags_.of(1));
  int given_back = 0;
  for (int round = 0; round < 20; round++) {
    // Submitted and not looked at any more, sometimes after a rest of the poller.
    if (round % 4 == 0) std::this_thread::sleep_for(20ms);
    const uint64_t before = polls(kPollerSlot);
    submit(js, js_set_);
    std::vector<RingDriver::Completion> done;
    ASSERT_TRUE(soon([&] {
      done = js.reap();
      return !done.empty();
    }));
    EXPECT_EQ(done.size(), 1U);
    EXPECT_EQ(done[0].status, 0U);
    EXPECT_GT(polls(kPollerSlot), before);
    // JavaScript is back.
    const uint64_t looked = polls(kJsSlot);
    submit(js, js_set_);
    ASSERT_TRUE(soon([&] {
      js_set_.poll();
      return !js.reap().empty();
    }));
    if (polls(kJsSlot) > looked) given_back++;
  }
  // Where this thread loses its processor after a submission, the poller may be first.
  EXPECT_GT(given_back, 5);
  free();
}

TEST_F(VisitedSet, CallsJavaScriptOnceWhenItHasAskedForThat) {
  connect();
  RingDriver js(*ring_, tags_.of(1));
  for (uint64_t round = 1; round <= 20; round++) {
    submit(js, js_set_);
    ASSERT_TRUE(soon([&] { return !js.reap().empty(); }));
    EXPECT_EQ(messages_, round - 1) << "nobody asked";
    js.ask();
    submit(js, js_set_);
    ASSERT_TRUE(soon([&] { return messages_ == round; }));
    ASSERT_TRUE(soon([&] { return !js.reap().empty(); }));
  }
  free();
}

TEST_F(VisitedSet, CostsNextToNothingWhileNothingIsPending) {
  connect();
  RingDriver js(*ring_, tags_.of(1));
  submit(js, js_set_);
  ASSERT_TRUE(soon([&] {
    js_set_.poll();
    return !js.reap().empty();
  }));
  // It watches no more: its sleeps become longer, as soon as it has a processor. And this one may be longer than it asks for.
  EXPECT_TRUE(soon([&] {
    const auto begun = Clock::now();
    const PollerStats before = poller_.stats();
    std::this_thread::sleep_for(500ms);
    const PollerStats after = poller_.stats();
    const auto most = static_cast<uint64_t>((Clock::now() - begun) / 3ms);
    return after.polls - before.polls <= most && after.sleeps - before.sleeps <= most;
  }));
  free();
}

TEST_F(VisitedSet, ReportsALossOnceAndLeavesTheRestToItsOwner) {
  connect();
  controller_.drop = true;
  ASSERT_TRUE(soon([&] {
    js_set_.poll();
    return losses_ > 0;
  }));
  EXPECT_FALSE(set_->open_to_visits());
  const uint64_t visits = polls(kJsSlot);
  for (int i = 0; i < 100; i++) js_set_.poll();
  EXPECT_EQ(polls(kJsSlot), visits);
  std::this_thread::sleep_for(20ms);
  EXPECT_EQ(losses_, 1U);
  free();
}

TEST_F(VisitedSet, EndsEveryCommandOnceWhileItsConnectionsComeAndGo) {
  std::mt19937_64 random(7);
  fake::complete_at_random(controller_, random);
  ring_->set_requeue(true);
  connect();
  const uint32_t tag = tags_.of(1);
  std::atomic<bool> done{false};
  std::thread control([&] {
    for (int i = 0; !done; i++) {
      std::this_thread::sleep_for(1ms);
      ring_->set_namespaces(read_namespace_table(&controller_, tags_));
      if (i % 3 == 0) controller_.drop = true;
      free();
      connect();
    }
  });

  RingDriver js(*ring_, tag);
  std::mt19937_64 choices(11);
  uint64_t pushed = 0;
  uint64_t completed = 0;
  const auto limit = Clock::now() + 60s;
  while ((pushed < 3'000 || js.busy() > 0) && Clock::now() < limit) {
    while (pushed < 3'000 && js.has_free()) {
      const uint32_t blocks = pushed % 17 == 0 ? 500 : 1;
      const uint32_t slot = js.push({.first = pushed % 1000, .blocks = blocks, .region = region_});
      ASSERT_TRUE(js.publish());
      js_set_.submitted(false);
      if (pushed++ % 29 == 0) js.cancel(slot);
    }
    // It computes now and then, so that both threads poll, and at the same time when it comes back.
    if (choices() % 64 == 0) std::this_thread::sleep_for(700us);
    js_set_.poll();
    completed += js.reap().size();
  }
  EXPECT_EQ(completed, 3'000U);
  done = true;
  control.join();
  free();
  EXPECT_GT(polls(kJsSlot), 0U);
  EXPECT_GT(polls(kPollerSlot), 0U);
}

}  // namespace
}  // namespace spdk_nvme
