#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

#include "native/core/base/counter.h"
#include "native/spdk/queue_pairs.h"

namespace spdk_nvme {

class QueueSet;

/**
 * Counters of the threads that poll for one controller, over all of its connections, and access to SPDK's
 * own counters.
 */
class IoStats {
 public:
  /** The counters of one thread, on its own cache line. */
  struct alignas(64) Slot {
    Counter polls;
    Counter idle_polls;
    Counter lock_waits;
  };

  /** @param slots as of the controller's linger lock. */
  explicit IoStats(size_t slots) : slot_count_(slots), slots_(std::make_unique<Slot[]>(slots)) {}
  IoStats(const IoStats&) = delete;
  IoStats& operator=(const IoStats&) = delete;

  [[nodiscard]] Slot& slot(size_t slot) { return slots_[slot]; }
  [[nodiscard]] size_t slot_count() const { return slot_count_; }

  /** Called by a set when it is created and destroyed. */
  void begin(QueueSet* set);
  void end(QueueSet* set);

  /**
   * The counters of the existing sets. Waits some hundred microseconds at most, and not for a thread that
   * holds a linger lock.
   */
  [[nodiscard]] std::vector<spdk::TransportStats> transport();

 private:
  const size_t slot_count_;
  const std::unique_ptr<Slot[]> slots_;
  /** Guards sets_, and keeps those in it alive. */
  std::mutex mutex_;
  std::vector<QueueSet*> sets_;
};

}  // namespace spdk_nvme
