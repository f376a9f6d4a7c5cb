#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

#include "native/core/base/counter.h"
#include "native/spdk/transport_stats.h"

namespace spdk_nvme {

class QueueSet;

/** Counters of the threads that poll for one controller, over all of its connections, and access to SPDK's own counters. */
class IoStats {
 public:
  /** The counters of one thread, on its own cache line. */
  struct alignas(64) Thread {
    Counter polls;
    Counter idle_polls;
    Counter lock_waits;
    /** Queue sets that it was to poll, over all connections: it may hold one before its first poll. */
    Counter sets;
  };

  /** @param threads as of the controller's linger lock. */
  explicit IoStats(size_t threads) : thread_count_(threads), threads_(std::make_unique<Thread[]>(threads)) {}
  IoStats(const IoStats&) = delete;
  IoStats& operator=(const IoStats&) = delete;

  [[nodiscard]] Thread& of(size_t thread) { return threads_[thread]; }
  [[nodiscard]] size_t thread_count() const { return thread_count_; }

  /** Called by a set when it is created and destroyed. */
  void add(QueueSet* set);
  void remove(QueueSet* set);

  /**
   * The counters of the existing sets. Waits some hundred microseconds at most, and not for a thread that
   * holds a linger lock.
   */
  [[nodiscard]] std::vector<spdk::TransportStats> transport();

 private:
  const size_t thread_count_;
  const std::unique_ptr<Thread[]> threads_;
  /** Guards sets_, and keeps those in it alive. */
  std::mutex mutex_;
  std::vector<QueueSet*> sets_;
};

}  // namespace spdk_nvme
