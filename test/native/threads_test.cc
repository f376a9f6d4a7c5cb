// The small parts that threads are built from: the mailbox, owned threads, the connect gate.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <limits>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "native/core/base/deadlines.h"
#include "native/core/base/mailbox.h"
#include "native/core/base/owned_thread.h"
#include "native/core/connection/connect_gate.h"
#include "thread_sleeps.h"

namespace spdk_nvme {
namespace {

using namespace std::chrono_literals;

TEST(Mailbox, RunsEverythingInOrderOnTheOwner) {
  Mailbox mailbox;
  std::vector<int> order;
  constexpr int kTasks = 1'000;
  std::thread sender([&] {
    for (int i = 0; i < kTasks; i++) mailbox.post([&order, i] { order.push_back(i); });
  });
  while (order.size() < kTasks) {
    if (!mailbox.run()) mailbox.sleep(1ms);
  }
  sender.join();
  for (int i = 0; i < kTasks; i++) EXPECT_EQ(order[i], i);
  EXPECT_FALSE(mailbox.run());
}

TEST(Mailbox, APostEndsTheSleep) {
  Mailbox mailbox;
  std::thread sender([&] {
    std::this_thread::sleep_for(20ms);
    mailbox.post([] {});
  });
  const auto begun = std::chrono::steady_clock::now();
  mailbox.sleep(10s);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 5s);
  sender.join();
}

TEST(OwnedThread, IsJoinedWhenItEnds) {
  std::atomic<bool> ran{false};
  OwnedThread thread("test", [&] { ran = true; });
  EXPECT_TRUE(thread.join_for(10s));
  EXPECT_TRUE(ran);
  EXPECT_TRUE(thread.finished());
}

TEST(OwnedThread, IsLetGoWhenItDoesNot) {
  auto hold = std::make_shared<std::promise<void>>();
  auto kept = std::make_shared<int>(7);
  std::weak_ptr<int> alive = kept;
  {
    OwnedThread thread("test", [held = hold->get_future().share(), kept = std::move(kept)] {
      held.wait();
      EXPECT_EQ(*kept, 7);
    });
    EXPECT_FALSE(thread.join_for(20ms));
  }
  EXPECT_FALSE(alive.expired());
  hold->set_value();
  while (!alive.expired()) std::this_thread::yield();
}

TEST(ConnectGate, LetsInAsManyAsThereArePlaces) {
  ConnectGate gate(2);
  EXPECT_TRUE(gate.enter(1ms));
  EXPECT_TRUE(gate.enter(1ms));
  EXPECT_FALSE(gate.enter(1ms));
  std::thread leaver([&] {
    std::this_thread::sleep_for(20ms);
    gate.leave();
  });
  EXPECT_TRUE(gate.enter(10s));
  leaver.join();
}

TEST(Deadlines, CallEachThatPassesOnce) {
  Deadlines deadlines;
  std::mutex mutex;
  std::vector<int> called;
  std::promise<void> both;
  const auto note = [&](int which) {
    const std::lock_guard<std::mutex> guard(mutex);
    called.push_back(which);
    if (called.size() == 2) both.set_value();
    return false;
  };
  {
    // The one that passes first comes last: the thread must not sleep through it.
    const Deadlines::Scope long_one(deadlines, 1h, [&] { return note(3); });
    const Deadlines::Scope second(deadlines, 40ms, [&] { return note(2); });
    const Deadlines::Scope first(deadlines, 20ms, [&] { return note(1); });
    ASSERT_EQ(both.get_future().wait_for(10s), std::future_status::ready);
    std::this_thread::sleep_for(20ms);
  }
  std::ranges::sort(called);
  EXPECT_EQ(called, (std::vector<int>{1, 2}));
}

TEST(Deadlines, CallAgainForAsLongAsTheyAreAskedTo) {
  Deadlines deadlines;
  std::promise<void> third;
  std::atomic<int> calls{0};
  const auto begun = std::chrono::steady_clock::now();
  const Deadlines::Scope scope(deadlines, 10ms, [&] {
    if (++calls < 3) return true;
    third.set_value();
    return false;
  });
  ASSERT_EQ(third.get_future().wait_for(10s), std::future_status::ready);
  EXPECT_GE(std::chrono::steady_clock::now() - begun, 30ms);
  std::this_thread::sleep_for(30ms);
  EXPECT_EQ(calls, 3);
}

TEST(Deadlines, HaveMoreTimeIfTheirThreadWasKeptBack) {
  using Clock = std::chrono::steady_clock;
  Deadlines deadlines;
  std::promise<Clock::time_point> late;
  Clock::time_point resumed;
  const Deadlines::Scope call(deadlines, 200ms, [&] {
    late.set_value(Clock::now());
    return false;
  });
  // As if the whole process was stopped.
  const Deadlines::Scope stop(deadlines, 10ms, [&] {
    std::this_thread::sleep_for(800ms);
    resumed = Clock::now();
    return false;
  });
  auto called = late.get_future();
  ASSERT_EQ(called.wait_for(10s), std::future_status::ready);
  EXPECT_GE(called.get() - resumed, 190ms);
}

TEST(Deadlines, DoNotWakeTheirThreadIfTheyEndInTime) {
  Deadlines deadlines;
  int64_t fewest = std::numeric_limits<int64_t>::max();
  // On a busy machine this thread may be kept back for longer than a deadline.
  for (int round = 0; round < 20 && fewest > 0; round++) {
    const int64_t before = thread_sleeps("spdk-deadlines");
    for (int i = 0; i < 10; i++) {
      {
        const Deadlines::Scope scope(deadlines, 50ms, [] { return false; });
      }
      deadlines.rest();
      std::this_thread::sleep_for(20ms);
    }
    fewest = std::min(fewest, thread_sleeps("spdk-deadlines") - before);
  }
  EXPECT_EQ(fewest, 0);
}

TEST(Deadlines, CallNothingAfterTheEndOfAScope) {
  Deadlines deadlines;
  for (int i = 0; i < 200; i++) {
    auto alive = std::make_unique<std::atomic<int>>(0);
    {
      const Deadlines::Scope scope(deadlines, 1ms, [&alive] {
        ++*alive;
        return false;
      });
      std::this_thread::sleep_for(i % 2 == 0 ? 0ms : 1ms);
    }
    alive.reset();  // a late call is a use after free, which the sanitizers see
  }
}

}  // namespace
}  // namespace spdk_nvme
