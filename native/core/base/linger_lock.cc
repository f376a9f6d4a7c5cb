#include "native/core/base/linger_lock.h"

#include <cassert>
#include <thread>

namespace spdk_nvme {

namespace {

constexpr size_t kCacheLine = 64;
/** A shared holder polls once, so a writer first spins for about the time of a poll. */
constexpr int kSpinsBeforeYield = 200;

}  // namespace

struct alignas(kCacheLine) LingerLock::Flag {
  std::atomic<bool> held{false};
};

LingerLock::LingerLock(size_t threads) : thread_count_(threads), flags_(std::make_unique<Flag[]>(threads)) {}

LingerLock::~LingerLock() = default;

#ifdef SPDK_NVME_TEST_WITHOUT_LINGER_LOCK

// A build for one experiment (docs/measurements/linger-lock.md), which shows that the hang occurs without the lock.
bool LingerLock::try_lock_shared(size_t /*thread*/) {
  return true;
}
void LingerLock::lock_shared(size_t /*thread*/) {}
void LingerLock::unlock_shared(size_t /*thread*/) {}
void LingerLock::lock() {}
bool LingerLock::try_lock_for(std::chrono::microseconds /*patience*/) {
  return true;
}
void LingerLock::unlock() {}
bool LingerLock::readers_left(std::chrono::steady_clock::time_point /*deadline*/) {
  return true;
}

#else

bool LingerLock::try_lock_shared(size_t thread) {
  assert(thread < thread_count_);
  auto& held = flags_[thread].held;
  // Sequentially consistent on both sides: either the writer sees this flag, or this thread sees the writer.
  held.store(true, std::memory_order_seq_cst);
  if (closers_.load(std::memory_order_seq_cst) == 0) return true;
  held.store(false, std::memory_order_release);
  return false;
}

void LingerLock::lock_shared(size_t thread) {
  while (!try_lock_shared(thread)) {
    // Waits on the mutex of the writer instead of spinning: the writer may hold it for a whole detach.
    const std::lock_guard<std::mutex> behind_writer(writer_mutex_);
  }
}

void LingerLock::unlock_shared(size_t thread) {
  assert(thread < thread_count_);
  flags_[thread].held.store(false, std::memory_order_release);
}

void LingerLock::lock() {
  writer_mutex_.lock();
  closers_.fetch_add(1, std::memory_order_seq_cst);
  readers_left(std::chrono::steady_clock::time_point::max());
}

bool LingerLock::try_lock_for(std::chrono::microseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!writer_mutex_.try_lock()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::yield();
  }
  closers_.fetch_add(1, std::memory_order_seq_cst);
  if (readers_left(deadline)) return true;
  unlock();
  return false;
}

void LingerLock::unlock() {
  closers_.fetch_sub(1, std::memory_order_release);
  writer_mutex_.unlock();
}

/** Waits until no flag is set, up to the deadline. The caller is the writer. */
bool LingerLock::readers_left(std::chrono::steady_clock::time_point deadline) {
  bool waited = false;
  for (size_t i = 0; i < thread_count_; i++) {
    for (int spins = 0; flags_[i].held.load(std::memory_order_seq_cst); spins++) {
      waited = true;
      if (spins < kSpinsBeforeYield) continue;
      if (std::chrono::steady_clock::now() >= deadline) return false;
      std::this_thread::yield();
    }
  }
  exclusive_count_.fetch_add(1, std::memory_order_relaxed);
  if (waited) waited_count_.fetch_add(1, std::memory_order_relaxed);
  return true;
}

#endif

LingerLock::Counters LingerLock::counters() const {
  return {exclusive_count_.load(std::memory_order_relaxed), waited_count_.load(std::memory_order_relaxed)};
}

}  // namespace spdk_nvme
