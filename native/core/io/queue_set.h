#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "native/core/base/linger_lock.h"
#include "native/core/diagnostics/history.h"
#include "native/core/io/io_ring.h"
#include "native/core/io/io_stats.h"
#include "native/spdk/queue_pairs.h"

namespace spdk_nvme {

/**
 * The queue pairs of one controller that one thread serves, each with its ring, and the part of the linger
 * lock's rules that concerns them. The controller's control thread connects them and hands them over; from
 * then on they are only touched under the linger lock: shared by the thread that serves them, exclusive by
 * whoever ends them.
 */
class QueueSet {
 public:
  /**
   * @param slot of the serving thread in the controller's linger lock
   * @param rings one for each queue pair
   */
  QueueSet(spdk_nvme_ctrlr* controller, std::shared_ptr<LingerLock> linger, size_t slot,
           std::vector<std::shared_ptr<IoRing>> rings, std::shared_ptr<History> history,
           std::shared_ptr<IoStats> stats)
      : controller_(controller),
        pairs_(controller),
        rings_(std::move(rings)),
        linger_(std::move(linger)),
        slot_(slot),
        history_(std::move(history)),
        stats_(std::move(stats)),
        counts_(stats_->slot(slot)) {
    stats_->begin(this);
  }
  ~QueueSet() { stats_->end(this); }
  QueueSet(const QueueSet&) = delete;
  QueueSet& operator=(const QueueSet&) = delete;

  [[nodiscard]] size_t slot() const { return slot_; }

  /** Connects a queue pair for each ring. Control thread, under the exclusive side, before anybody else knows
   * of them. */
  bool connect(uint32_t queue_depth, std::chrono::steady_clock::time_point deadline);

  /** What one turn of polling found. */
  struct Turn {
    bool worked = false;  // something completed
    bool hot = false;     // something is expected soon, so do not sleep long
    uint64_t completions = 0;
  };
  /** Submits what is new, and polls once. Never waits longer than a millisecond for the linger lock. */
  Turn poll();

  /** SPDK's own counts; empty when the lock is not to be had soon. Not for a thread that holds it. */
  [[nodiscard]] std::vector<spdk::TransportStats> transport_stats();

  /** Whether the serving thread disconnects and frees the queue pairs; else the control thread calls free(). */
  static constexpr bool released_by_serving_thread() {
    return spdk::PolledQueuePairs::disconnect_without_waiting();
  }
  /** Asks the serving thread to do so in its next turns. Only with released_by_serving_thread(). */
  void request_release() { release_requested_.store(true, std::memory_order_release); }
  /** How far that has come. Any thread. */
  [[nodiscard]] bool disconnecting() const { return phase() >= Phase::disconnecting; }
  [[nodiscard]] bool released() const { return phase() == Phase::released; }

  /** Ends what a connect that failed has left, and waits for it. Control thread, under the exclusive side. */
  void abandon();
  /** Frees all queue pairs, waiting inside SPDK if it must. Control thread, under the exclusive side. */
  void free();

  /** Called once on the serving thread when a queue pair has lost its connection; must not block. */
  std::function<void()> on_failure;

 private:
  enum class Phase { serving, disconnecting, released };
  [[nodiscard]] Phase phase() const { return phase_.load(std::memory_order_acquire); }
  Turn serve();
  Turn release();
  Turn poll_pairs();

  spdk_nvme_ctrlr* const controller_;
  spdk::PolledQueuePairs pairs_;
  /** One for each queue pair, in the same order. */
  const std::vector<std::shared_ptr<IoRing>> rings_;
  /** Shared: a poller may look once more at a set whose controller is gone. */
  const std::shared_ptr<LingerLock> linger_;
  const size_t slot_;
  const std::shared_ptr<History> history_;
  const std::shared_ptr<IoStats> stats_;
  IoStats::Slot& counts_;
  std::atomic<Phase> phase_{Phase::serving};
  std::atomic<bool> release_requested_{false};
  /** A queue pair is on its way out, so a poll may destroy its CM id. Serving thread only. */
  bool disturbed_ = false;
};

}  // namespace spdk_nvme
