#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>

namespace spdk_nvme {

/**
 * The lock that separates the RDMA CM events of a controller from the destruction of its queue pairs.
 *
 * All queue pairs of a controller share one RDMA CM event channel, and any thread that polls may
 * dequeue an event that belongs to another thread's queue pair. rdma_destroy_id() waits until every dequeued event of its id
 * has been acknowledged, so a queue pair must never be destroyed while another thread can still dequeue one:
 *
 *  - a call that may dequeue CM events (polling queue pairs or the admin queue, connecting) holds
 *    the lock shared;
 *  - a call that may destroy a CM id (polling while a queue pair disconnects or lingers, disconnecting,
 *    freeing, detaching, a connect that can fail in place) holds it exclusively.
 *
 * It is a big-reader lock: each thread has a flag on a cache line of its own, so the shared side costs one
 * uncontended exchange, and the exclusive side looks at all flags. A waiting exclusive side has priority over
 * new shared ones. SPDK's own controller lock is taken only inside this one, and no thread may wait for the
 * exclusive side inside an SPDK callback. Not recursive.
 */
class LingerLock {
 public:
  class SharedGuard;
  class ExclusiveGuard;
  class Closed;

  /** @param threads how many threads will use the lock; each passes its own number, 0..threads-1. */
  explicit LingerLock(size_t threads);
  ~LingerLock();
  LingerLock(const LingerLock&) = delete;
  LingerLock& operator=(const LingerLock&) = delete;

  /** Takes the shared side unless another thread holds or awaits the exclusive one. Never waits. */
  [[nodiscard]] bool try_lock_shared(size_t thread);
  /** Takes the shared side; waits until the exclusive one is released. */
  void lock_shared(size_t thread);
  void unlock_shared(size_t thread);

  /** Takes the exclusive side; waits for every holder. */
  void lock();
  /** Takes the exclusive side unless `patience` passes first. For threads that also serve other controllers. */
  [[nodiscard]] bool try_lock_for(std::chrono::microseconds patience);
  void unlock();

  /** How often the exclusive side was held, and how often that had to wait for a shared holder. */
  struct Counters {
    uint64_t exclusive = 0;
    uint64_t waited = 0;
  };
  [[nodiscard]] Counters counters() const;

 private:
  struct Flag;
  bool readers_left(std::chrono::steady_clock::time_point deadline);

  const size_t thread_count_;
  const std::unique_ptr<Flag[]> flags_;
  /** Guards the exclusive side: its holder is the one writer. */
  std::mutex writer_mutex_;
  /** How many close the shared side to new holders: the writer that holds or awaits the exclusive one, and each Closed. */
  std::atomic<uint32_t> closers_{0};
  std::atomic<uint64_t> exclusive_count_{0};
  std::atomic<uint64_t> waited_count_{0};
};

/** Holds the shared side for a scope. Empty if it was created with `try_to_lock` and the lock was not free. */
class LingerLock::SharedGuard {
 public:
  SharedGuard(LingerLock& lock, size_t thread) : lock_(&lock), thread_(thread) { lock.lock_shared(thread); }
  SharedGuard(LingerLock& lock, size_t thread, std::try_to_lock_t)
      : lock_(lock.try_lock_shared(thread) ? &lock : nullptr), thread_(thread) {}
  ~SharedGuard() {
    if (lock_ != nullptr) lock_->unlock_shared(thread_);
  }
  SharedGuard(const SharedGuard&) = delete;
  SharedGuard& operator=(const SharedGuard&) = delete;
  [[nodiscard]] bool held() const { return lock_ != nullptr; }

 private:
  LingerLock* lock_;
  size_t thread_;
};

/**
 * While it lasts no thread gets the shared side. For a thread that holds that in a call into SPDK which takes long: SPDK holds a
 * lock of its own meanwhile, on which a thread that polls would wait. Thread: any; only the holder may wait for the shared side.
 */
class LingerLock::Closed {
 public:
  explicit Closed(LingerLock& lock) : lock_(lock) { lock_.closers_.fetch_add(1, std::memory_order_seq_cst); }
  ~Closed() { lock_.closers_.fetch_sub(1, std::memory_order_release); }
  Closed(const Closed&) = delete;
  Closed& operator=(const Closed&) = delete;

 private:
  LingerLock& lock_;
};

/** Holds the exclusive side for a scope. Empty if its patience passed. */
class LingerLock::ExclusiveGuard {
 public:
  explicit ExclusiveGuard(LingerLock& lock) : lock_(&lock) { lock.lock(); }
  ExclusiveGuard(LingerLock& lock, std::chrono::microseconds patience)
      : lock_(lock.try_lock_for(patience) ? &lock : nullptr) {}
  ~ExclusiveGuard() {
    if (lock_ != nullptr) lock_->unlock();
  }
  ExclusiveGuard(const ExclusiveGuard&) = delete;
  ExclusiveGuard& operator=(const ExclusiveGuard&) = delete;
  [[nodiscard]] bool held() const { return lock_ != nullptr; }

 private:
  LingerLock* lock_;
};

}  // namespace spdk_nvme
