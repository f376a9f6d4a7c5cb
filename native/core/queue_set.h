#pragma once

#include <atomic>
#include <chrono>
#include <functional>

#include "../spdk/queue_pairs.h"
#include "linger_lock.h"

namespace spdk_nvme {

/**
 * The queue pairs of one controller that one poller serves, and the part of the linger lock's rules that concerns
 * them. The controller's control thread connects them and hands them to the poller; from then on only the poller
 * touches them, until they are released.
 */
class QueueSet {
 public:
  /** @param poller the index of the poller, which is also its slot of the controller's linger lock. */
  QueueSet(spdk_nvme_ctrlr* controller, LingerLock& linger, size_t poller)
      : pairs_(controller), linger_(linger), poller_(poller) {}

  [[nodiscard]] size_t poller() const { return poller_; }

  /** Connects queue pairs. Control thread, under the exclusive side, before the poller knows of them. */
  bool connect(uint32_t count, uint32_t queue_depth, std::chrono::steady_clock::time_point deadline);

  /** What one turn of polling found. */
  struct Turn {
    bool worked = false;  // something completed
    bool hot = false;     // something is expected soon, so do not sleep long
  };
  /** Polls once. Poller thread. Never waits longer than a millisecond for the linger lock. */
  Turn poll();

  /** Asks the poller to disconnect and free all queue pairs in its next turns. Only with kAsyncQueuePairs. */
  void request_release() { release_requested_.store(true, std::memory_order_release); }
  /** How far that has come. Any thread. */
  [[nodiscard]] bool disconnecting() const { return phase() >= Phase::disconnecting; }
  [[nodiscard]] bool released() const { return phase() == Phase::released; }

  /** Frees all queue pairs, waiting inside SPDK if it must. Control thread, under the exclusive side, once no
   *  poller serves the set any more. */
  void free_in_place();

  /** Called once on the poller's thread when a queue pair has lost its connection; must not block. */
  std::function<void()> on_failure;

 private:
  enum class Phase { serving, disconnecting, released };
  [[nodiscard]] Phase phase() const { return phase_.load(std::memory_order_acquire); }
  Turn serve();
  Turn release();

  spdk::PolledQueuePairs pairs_;
  LingerLock& linger_;
  const size_t poller_;
  std::atomic<Phase> phase_{Phase::serving};
  std::atomic<bool> release_requested_{false};
  /** A queue pair is on its way out, so a poll may destroy its CM id. Poller thread only. */
  bool disturbed_ = false;
};

}  // namespace spdk_nvme
