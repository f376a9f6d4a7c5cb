// The linger lock by itself; build with SPDK_NVME_SANITIZE=thread to have its memory order checked too.

#include "native/core/base/linger_lock.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

namespace spdk_nvme {
namespace {

using namespace std::chrono_literals;

TEST(LingerLock, SharedHoldersDoNotExcludeEachOther) {
  LingerLock lock(2);
  const LingerLock::SharedGuard first(lock, 0);
  const LingerLock::SharedGuard second(lock, 1, std::try_to_lock);
  EXPECT_TRUE(second.held());
}

TEST(LingerLock, TheExclusiveSideWaitsForASharedHolder) {
  LingerLock lock(1);
  lock.lock_shared(0);
  std::atomic<bool> taken{false};
  std::thread writer([&] {
    const LingerLock::ExclusiveGuard alone(lock);
    taken = true;
  });
  std::this_thread::sleep_for(50ms);
  EXPECT_FALSE(taken);
  lock.unlock_shared(0);
  writer.join();
  EXPECT_TRUE(taken);
}

TEST(LingerLock, AWaitingExclusiveSideIsServedBeforeNewSharedOnes) {
  LingerLock lock(2);
  lock.lock_shared(0);
  std::thread writer([&] { const LingerLock::ExclusiveGuard alone(lock); });
  // The writer announces itself before it waits, so sooner or later nobody new gets in.
  while (lock.try_lock_shared(1)) {
    lock.unlock_shared(1);
    std::this_thread::yield();
  }
  lock.unlock_shared(0);
  writer.join();
  const LingerLock::SharedGuard after(lock, 1, std::try_to_lock);
  EXPECT_TRUE(after.held());
}

TEST(LingerLock, GivesNoSharedSideWhileItIsClosed) {
  LingerLock lock(2);
  lock.lock_shared(0);
  {
    const LingerLock::Closed first(lock);
    const LingerLock::Closed second(lock);
    EXPECT_FALSE(lock.try_lock_shared(1));
  }
  EXPECT_TRUE(lock.try_lock_shared(1));
  lock.unlock_shared(1);
  lock.unlock_shared(0);
  const LingerLock::Closed closed(lock);
  // The exclusive side is as before, and does not open what is closed.
  { const LingerLock::ExclusiveGuard alone(lock); }
  EXPECT_FALSE(lock.try_lock_shared(1));
}

TEST(LingerLock, CountsHoldsOfTheExclusiveSideAndNotAttempts) {
  LingerLock lock(1);
  lock.lock_shared(0);
  std::thread([&lock] { EXPECT_FALSE(lock.try_lock_for(1ms)); }).join();
  EXPECT_EQ(lock.counters().exclusive, 0U);
  lock.unlock_shared(0);
  { const LingerLock::ExclusiveGuard alone(lock); }
  EXPECT_EQ(lock.counters().exclusive, 1U);
}

TEST(LingerLock, PatienceEndsAndLeavesTheLockAsItWas) {
  LingerLock lock(2);
  lock.lock_shared(0);
  std::thread writer([&] {
    const LingerLock::ExclusiveGuard alone(lock, 1ms);
    EXPECT_FALSE(alone.held());
  });
  writer.join();
  const LingerLock::SharedGuard other(lock, 1, std::try_to_lock);
  EXPECT_TRUE(other.held());
  lock.unlock_shared(0);
}

TEST(LingerLock, ASharedHolderThatComesLateWaitsForTheExclusiveOne) {
  LingerLock lock(1);
  std::atomic<bool> released{false};
  lock.lock();
  std::thread reader([&] {
    const LingerLock::SharedGuard together(lock, 0);
    EXPECT_TRUE(released);
  });
  std::this_thread::sleep_for(20ms);
  released = true;
  lock.unlock();
  reader.join();
}

/**
 * The purpose of the lock: pollers reap while other threads destroy. A plain counter shows any overlap, and
 * ThreadSanitizer reports a race on it if the memory order of the lock is wrong.
 */
TEST(LingerLock, NobodyIsInsideWithTheExclusiveHolder) {
  constexpr size_t kReaders = 3;
  constexpr size_t kWriters = 2;
  constexpr int kRounds = 2'000;
  LingerLock lock(kReaders);
  long guarded = 0;
  std::atomic<bool> finished{false};
  std::atomic<long> seen{0};
  std::vector<std::thread> threads;
  for (size_t slot = 0; slot < kReaders; slot++) {
    threads.emplace_back([&, slot] {
      while (!finished) {
        const LingerLock::SharedGuard together(lock, slot, std::try_to_lock);
        if (together.held() && guarded % 2 != 0) ADD_FAILURE() << "a shared holder met the exclusive one";
        if (together.held()) seen++;
        std::this_thread::yield();
      }
    });
  }
  std::vector<std::thread> writers;
  for (size_t i = 0; i < kWriters; i++) {
    writers.emplace_back([&] {
      for (int round = 0; round < kRounds; round++) {
        const LingerLock::ExclusiveGuard alone(lock);
        guarded++;
        guarded++;
      }
    });
  }
  for (auto& writer : writers) writer.join();
  while (seen == 0) std::this_thread::yield();
  finished = true;
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(guarded, static_cast<long>(kWriters) * kRounds * 2);
  EXPECT_EQ(lock.counters().exclusive, kWriters * kRounds);
}

}  // namespace
}  // namespace spdk_nvme
