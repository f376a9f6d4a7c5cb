#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "native/core/base/linger_lock.h"
#include "native/core/base/stop_request.h"
#include "native/core/diagnostics/history.h"
#include "native/core/io/io_ring.h"
#include "native/core/io/io_stats.h"
#include "native/spdk/queue_pairs.h"

namespace spdk_nvme {

/**
 * The queue pairs of one controller that one thread owns, each with its ring. It follows the rules of the
 * linger lock: the control thread connects the queue pairs and hands them over; from then on they are used
 * only under the lock, shared by the thread that polls, and exclusively by the thread that ends them.
 *
 * The owner polls and, where the release allows it, disconnects and frees. The JavaScript thread may visit a set
 * that a poller owns: it polls while nothing is wrong with it, and does nothing else. Inside the shared side a
 * try-lock lets one of the two poll. docs/internals/polling.md has the protocol.
 */
class QueueSet {
 public:
  using Clock = std::chrono::steady_clock;

  /**
   * @param thread number of the owner, see IoServices
   * @param rings one for each queue pair
   */
  QueueSet(spdk_nvme_ctrlr* controller, std::shared_ptr<LingerLock> linger, size_t thread,
           std::vector<std::shared_ptr<IoRing>> rings, std::shared_ptr<History> history,
           std::shared_ptr<IoStats> stats)
      : controller_(controller),
        pairs_(controller),
        rings_(std::move(rings)),
        linger_(std::move(linger)),
        thread_(thread),
        history_(std::move(history)),
        stats_(std::move(stats)) {
    stats_->add(this);
  }
  ~QueueSet() { stats_->remove(this); }
  QueueSet(const QueueSet&) = delete;
  QueueSet& operator=(const QueueSet&) = delete;

  [[nodiscard]] size_t thread() const { return thread_; }

  /**
   * Connects a queue pair for each ring, unless it is to stop meanwhile. Thread: control, before other threads use them.
   * Holds: linger lock (exclusive).
   */
  bool connect(uint32_t queue_depth, Clock::time_point deadline, const StopRequest* stop = nullptr);

  /** The result of one turn of polling. */
  struct Turn {
    bool worked = false;  // commands completed
    bool hot = false;     // completions are expected soon, so sleep briefly
    bool missed = false;  // another thread had the queue pairs, so they were not polled
    uint64_t completions = 0;
  };
  /** Submits new commands and polls once. Waits at most half a millisecond for the linger lock. Thread: owner. */
  Turn poll();

  /**
   * Polls as poll() does, on a thread that does not own the set, while no queue pair has failed; the owner
   * handles failures. Never waits. Thread: JavaScript, with its number.
   */
  Turn visit(size_t thread, Clock::time_point now);
  /** Counts as a visit. Thread: JavaScript. */
  void note_look(Clock::time_point now) { looked_at_.store(now, std::memory_order_relaxed); }
  /** When it was last visited. Thread: any. */
  [[nodiscard]] Clock::time_point looked_at() const { return looked_at_.load(std::memory_order_relaxed); }
  /** Whether a visitor may poll. Thread: any. */
  [[nodiscard]] bool open_to_visits() const {
    return !disturbed_.load(std::memory_order_relaxed) && !pairs_.disconnect_requested();
  }

  /** SPDK's own counters; empty if the lock is not free soon. Not for a thread that holds it. */
  [[nodiscard]] std::vector<spdk::TransportStats> transport_stats();

  /**
   * Requests that the owner disconnects and frees the queue pairs in its next turns. Where that would make the owner wait, nothing
   * is pending afterwards, and the set continues to serve until free().
   */
  void request_disconnect() { pairs_.request_disconnect(); }
  /** Whether the owner has not yet begun what was requested. Thread: any. */
  [[nodiscard]] bool disconnect_pending() const { return pairs_.disconnect_requested() && serving(); }
  // What it does: one of these. Thread: any.
  [[nodiscard]] bool serving() const { return phase() == Phase::serving; }
  [[nodiscard]] bool disconnecting() const { return phase() == Phase::disconnecting; }
  [[nodiscard]] bool freed() const { return phase() == Phase::freed; }

  /** Pieces of commands that SPDK has. Thread: any. */
  [[nodiscard]] uint64_t in_flight() const;
  /** Whether JavaScript waits to be called for completions instead of looking. Thread: any. */
  [[nodiscard]] bool wake_requested() const;
  /** Whether nothing is to be done for it, so that the end of a connection is all that a poll could find. Thread: any. */
  [[nodiscard]] bool at_rest() const;
  /** The number of queue pairs. */
  [[nodiscard]] size_t size() const { return rings_.size(); }
  [[nodiscard]] const std::shared_ptr<IoRing>& ring(size_t index) const { return rings_[index]; }
  /** Whether a command that has not ended is in a slot. Thread: control. Holds: linger lock (exclusive). */
  [[nodiscard]] bool has_command(size_t index, uint32_t slot) const {
    return serving() && rings_[index]->has_command(slot);
  }
  /**
   * Calls for each part of a command that SPDK has: with the queue pair, and with the context that SPDK has the part by. Thread:
   * control. Holds: linger lock (exclusive).
   */
  void for_each_piece(size_t index, uint32_t slot,
                      const std::function<void(spdk_nvme_qpair* queue_pair, void* context)>& call);

  /** Calls with each queue pair that is not being released. Thread: control. Holds: linger lock (exclusive). */
  void for_each_pair(const std::function<void(spdk_nvme_qpair* queue_pair)>& call);

  /** Ends the queue pairs after a failed connect(); waits. Thread: control. Holds: linger lock (exclusive). */
  void disconnect_and_free();
  /** Frees the queue pairs of a set that serves; may wait inside SPDK. Thread: control. Holds: linger lock (exclusive). */
  void free();

  /**
   * Called once, when a queue pair has lost its connection, by the thread that polled it; must not block. Set before
   * the set is handed over.
   */
  std::function<void()> on_failure;

  /** Whether the end of its connections is reported, with a call of Poller::look(). Set before the set is handed over. */
  bool end_is_reported = false;

 private:
  enum class Phase { serving, disconnecting, freed };
  [[nodiscard]] Phase phase() const { return phase_.load(std::memory_order_acquire); }
  Turn serve();
  Turn serve_shared(size_t thread);
  Turn disconnect_step();
  Turn poll_pairs(size_t thread);
  void report_loss();

  spdk_nvme_ctrlr* const controller_;
  spdk::PolledQueuePairs pairs_;
  /** One for each queue pair, in the same order. */
  const std::vector<std::shared_ptr<IoRing>> rings_;
  /** Shared, because a poller may poll a set once more after its controller is gone. */
  const std::shared_ptr<LingerLock> linger_;
  const size_t thread_;
  const std::shared_ptr<History> history_;
  const std::shared_ptr<IoStats> stats_;
  std::atomic<Phase> phase_{Phase::serving};
  /**
   * Held by the thread that polls, inside the shared side of the linger lock. Only tried: a thread
   * that does not get it skips this turn. It guards pairs_ and what the rings call the polling thread's own.
   */
  std::mutex polling_;
  /**
   * A queue pair is disconnecting, so a poll may destroy its CM id. Changes under polling_ or the exclusive side;
   * read elsewhere only to choose a side.
   */
  std::atomic<bool> disturbed_{false};
  std::atomic<bool> loss_reported_{false};
  /** On a cache line of its own: JavaScript writes it in every turn. */
  alignas(64) std::atomic<Clock::time_point> looked_at_{Clock::time_point{}};
};

}  // namespace spdk_nvme
