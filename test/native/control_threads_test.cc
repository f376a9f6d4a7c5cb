// Turns of many tasks on few threads: one that does not return holds up no other.

#include "native/core/base/control_threads.h"
#include "comes_true.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "native/core/base/owned_thread.h"
#include "thread_sleeps.h"

namespace spdk_nvme {
namespace {

using namespace std::chrono_literals;
using Clock = TurnTask::Clock;

constexpr auto kLimit = 30s;

/** Ends when end() is called. */
class Task : public TurnTask {
 public:
  explicit Task(Clock::duration interval) : interval_(interval) {}

  Clock::time_point turn() override {
    EXPECT_FALSE(in_turn_.exchange(true)) << "two turns of one task at once";
    turns++;
    while (stuck) std::this_thread::sleep_for(100us);
    in_turn_ = false;
    if (over) return kEnded;
    return interval_ == Clock::duration::max() ? Clock::time_point::max() : Clock::now() + interval_;
  }

  std::atomic<uint64_t> turns{0};
  std::atomic<bool> stuck{false};
  std::atomic<bool> over{false};

 private:
  const Clock::duration interval_;
  std::atomic<bool> in_turn_{false};
};

struct Started {
  std::shared_ptr<Task> task;
  std::shared_ptr<ControlThreads::Member> member;

  void end() const {
    task->over = true;
    member->wake();
  }
};

class ControlThreadsTest : public testing::Test {
 protected:
  void SetUp() override { EXPECT_EQ(OwnedThread::abandoned(), 0); }
  void TearDown() override {
    for (const Started& one : started_) {
      one.task->stuck = false;
      one.end();
    }
    for (const Started& one : started_) EXPECT_TRUE(one.member->wait_for_end(kLimit));
    EXPECT_TRUE(threads_.join_for(kLimit));
    EXPECT_EQ(OwnedThread::abandoned(), 0);
  }

  Started start(Clock::duration interval = Clock::duration::max()) {
    auto member = threads_.make_member();
    auto task = std::make_shared<Task>(interval);
    threads_.start(member, task);
    return started_.emplace_back(Started{.task = std::move(task), .member = std::move(member)});
  }
  void start_many(size_t count, Clock::duration interval) {
    for (size_t i = 0; i < count; i++) start(interval);
    // The first turns are over, and so are the threads for them.
    EXPECT_TRUE(comes_true([&] { return threads_.threads() == 1; }, kLimit));
  }

  std::atomic<uint64_t> rests_{0};
  ControlThreads threads_{[this] { rests_++; }};
  std::vector<Started> started_;
};

TEST_F(ControlThreadsTest, ManyTasksNeedOneThread) {
  start_many(256, 10ms);
  for (const Started& one : started_) {
    EXPECT_TRUE(comes_true([&] { return one.task->turns > 5; }, kLimit));
  }
  // On a busy machine others take over from threads that have no processor, for a while.
  EXPECT_TRUE(comes_true([&] { return threads_.threads() <= 2; }, kLimit));
}

TEST_F(ControlThreadsTest, TheWatcherSleepsWhileAThreadWaits) {
  start_many(4, 20ms);
  int64_t fewest = std::numeric_limits<int64_t>::max();
  // On a busy machine a turn may last long.
  for (int round = 0; round < 20 && fewest > 0; round++) {
    const int64_t before = thread_sleeps("spdk-watch");
    std::this_thread::sleep_for(600ms);
    fewest = std::min(fewest, thread_sleeps("spdk-watch") - before);
  }
  EXPECT_EQ(fewest, 0);
}

TEST_F(ControlThreadsTest, ARestComesAfterAllTurnsThatAreDueTogether) {
  start_many(16, 20ms);
  const auto turns = [this] {
    uint64_t sum = 0;
    for (const Started& one : started_) sum += one.task->turns;
    return sum;
  };
  uint64_t most = 0;
  // They come to be due together after a while.
  for (int round = 0; round < 50 && most < 8; round++) {
    const uint64_t turns_before = turns();
    const uint64_t rests_before = rests_;
    std::this_thread::sleep_for(200ms);
    const uint64_t rests = rests_ - rests_before;
    EXPECT_GT(rests, 0U);
    most = std::max(most, (turns() - turns_before) / std::max<uint64_t>(rests, 1));
  }
  EXPECT_GE(most, 8U);
}

TEST_F(ControlThreadsTest, ATurnThatDoesNotEndHoldsUpNoOther) {
  start_many(16, 10ms);
  const Started stuck = started_[3];
  stuck.task->stuck = true;
  stuck.member->wake();
  EXPECT_TRUE(comes_true([&] { return stuck.member->thread_id() != 0; }, kLimit));
  for (int round = 0; round < 3; round++) {
    const uint64_t before = started_[5].task->turns;
    EXPECT_TRUE(comes_true([&] { return started_[5].task->turns > before + 2; }, kLimit));
  }
  // The watched thread and one for the others.
  EXPECT_TRUE(comes_true([&] { return threads_.threads() <= 3; }, kLimit));
  EXPECT_NE(stuck.member->thread_id(), 0);
  stuck.task->stuck = false;
  EXPECT_TRUE(comes_true([&] { return threads_.threads() == 1; }, kLimit));
}

TEST_F(ControlThreadsTest, AWakeFindsAThreadWhileAllAreStuck) {
  start_many(64, Clock::duration::max());
  for (size_t i = 1; i < started_.size(); i++) {
    started_[i].task->stuck = true;
    started_[i].member->wake();
  }
  // Not one after the other, which takes the watcher 16 s: each may take as long as the one before it.
  const auto begun = Clock::now();
  for (size_t i = 1; i < started_.size(); i++) {
    EXPECT_TRUE(comes_true([&] { return started_[i].member->thread_id() != 0; }, kLimit));
  }
  EXPECT_LT(Clock::now() - begun, 12s);
  const uint64_t before = started_[0].task->turns;
  started_[0].member->wake();
  EXPECT_TRUE(comes_true([&] { return started_[0].task->turns > before; }, kLimit));
}

TEST_F(ControlThreadsTest, FirstTurnsDoNotWaitForEachOther) {
  for (int i = 0; i < 8; i++) {
    auto member = threads_.make_member();
    auto task = std::make_shared<Task>(Clock::duration::max());
    task->stuck = true;
    threads_.start(member, task);
    started_.push_back({.task = std::move(task), .member = std::move(member)});
  }
  for (const Started& one : started_) {
    EXPECT_TRUE(comes_true([&] { return one.task->turns == 1; }, kLimit));
  }
}

TEST_F(ControlThreadsTest, NoWakeIsLost) {
  const Started one = start();
  const Started other = start(1ms);
  for (int i = 0; i < 2'000; i++) {
    const uint64_t before = one.task->turns;
    one.member->wake();
    ASSERT_TRUE(comes_true([&] { return one.task->turns > before; }, kLimit));
  }
}

TEST_F(ControlThreadsTest, AWakeDuringATurnIsFollowedByAnother) {
  const Started one = start();
  one.task->stuck = true;
  one.member->wake();
  EXPECT_TRUE(comes_true([&] { return one.member->thread_id() != 0; }, kLimit));
  const uint64_t before = one.task->turns;
  one.member->wake();
  one.task->stuck = false;
  EXPECT_TRUE(comes_true([&] { return one.task->turns > before; }, kLimit));
}

TEST_F(ControlThreadsTest, TimersThatAreCloseAreDueTogether) {
  start_many(64, 80ms);
  // Each at most an eighth late, in half a second in which this machine does little else.
  EXPECT_TRUE(comes_true(
      [&] {
        std::vector<uint64_t> before;
        for (const Started& one : started_) before.push_back(one.task->turns);
        std::this_thread::sleep_for(500ms);
        for (size_t i = 0; i < before.size(); i++) {
          if (started_[i].task->turns < before[i] + 4) return false;
        }
        return true;
      },
      kLimit));
}

TEST_F(ControlThreadsTest, WhatHasEndedIsNotCalledAgain) {
  const Started one = start(1ms);
  one.end();
  EXPECT_TRUE(one.member->wait_for_end(kLimit));
  const uint64_t turns = one.task->turns;
  one.member->wake();
  std::this_thread::sleep_for(20ms);
  EXPECT_EQ(one.task->turns, turns);
}

TEST(ControlThreads, EndWhatIsHeldUpWhenTheyAreAbandoned) {
  std::vector<Started> started;
  {
    ControlThreads threads;
    for (int i = 0; i < 2; i++) {
      started.push_back(
          {.task = std::make_shared<Task>(Clock::duration::max()), .member = threads.make_member()});
      threads.start(started.back().member, started.back().task);
    }
    EXPECT_TRUE(comes_true([&] { return threads.threads() == 1; }, kLimit));
    started[0].task->stuck = true;
    started[0].end();
    EXPECT_TRUE(comes_true([&] { return started[0].member->thread_id() != 0; }, kLimit));
    // Before the watcher starts a thread for it.
    started[1].end();
    EXPECT_FALSE(threads.join_for(0ms));
  }
  started[0].task->stuck = false;
  for (const Started& one : started) EXPECT_TRUE(one.member->wait_for_end(kLimit));
  EXPECT_TRUE(comes_true([] { return OwnedThread::abandoned() == 0; }, kLimit));
}

TEST(ControlThreads, AbandonWhatDoesNotEnd) {
  const auto task = std::make_shared<Task>(Clock::duration::max());
  std::shared_ptr<ControlThreads::Member> member;
  {
    ControlThreads threads;
    member = threads.make_member();
    task->stuck = true;
    threads.start(member, task);
    EXPECT_TRUE(comes_true([&] { return task->turns > 0; }, kLimit));
    EXPECT_FALSE(threads.join_for(20ms));
    EXPECT_EQ(OwnedThread::abandoned(), 1);
  }
  task->over = true;
  task->stuck = false;
  EXPECT_TRUE(member->wait_for_end(kLimit));
  EXPECT_TRUE(comes_true([] { return OwnedThread::abandoned() == 0; }, kLimit));
}

}  // namespace
}  // namespace spdk_nvme
