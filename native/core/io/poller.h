#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "native/core/base/mailbox.h"
#include "native/core/base/owned_thread.h"
#include "native/core/io/poller_stats.h"
#include "native/core/io/queue_set.h"

namespace spdk_nvme {

struct PollerOptions {
  /** Never sleep: for machines with a core reserved for storage. */
  bool always_spin = false;
  /** The longest sleep without work; a sleeping poller holds no lock. */
  std::chrono::microseconds idle_sleep{100'000};
};

/**
 * A thread that polls the queue pairs of any number of controllers, and sleeps briefly when all are idle. Sets that
 * JavaScript polls too it only watches while JavaScript looks at them (docs/internals/polling.md).
 */
class Poller {
 public:
  /** @throws std::system_error if the process has reached its limit of threads */
  Poller(size_t index, PollerOptions options);
  /** Ends the thread, unless SPDK blocks it. */
  ~Poller();
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  [[nodiscard]] size_t index() const { return index_; }

  /**
   * Begins to serve a set, until the set is freed. Thread: any.
   * @param visited JavaScript polls it too
   */
  void add(std::shared_ptr<QueueSet> set, bool visited = false);
  /** Wakes a sleeping poller, which then polls its sets, unless they are at rest. Thread: any. */
  void wake();
  /** As wake(), but polls all of its sets: a connection has ended. Thread: any. */
  void look();
  /**
   * Has it watch the set that JavaScript has just looked at. Cheap while it watches one anyway.
   * Thread: JavaScript, after IoRing::publish() and QueueSet::note_look().
   */
  void watch(QueueSet::Clock::time_point now);
  /**
   * Puts off the poller's next look, since JavaScript looks at one of the sets. Has an effect at most every few hundred
   * microseconds. Thread: JavaScript.
   */
  void prolong_watch(QueueSet::Clock::time_point now);
  /**
   * Gives the processor to threads that wait for it. The poller does not take over meanwhile, as it would from a thread that
   * computes: it would only add to what waits. Thread: JavaScript.
   */
  void give_way();

  /** Thread: any. */
  [[nodiscard]] PollerStats stats() const;

  [[nodiscard]] pid_t thread_id() const { return thread_.id(); }

  /** Whether the thread has ended: it serves no set any more. Thread: any. */
  [[nodiscard]] bool ended() const { return thread_.finished(); }

  /** Requests the end of the thread. Thread: any. */
  void stop();
  /** Waits for the thread's end. False if it did not end in time, because SPDK has not returned to it. */
  bool join_for(std::chrono::milliseconds limit) { return thread_.join_for(limit); }

 private:
  struct Loop;
  const size_t index_;
  const std::shared_ptr<Loop> loop_;
  OwnedThread thread_;
  /** Thread: JavaScript. */
  QueueSet::Clock::time_point next_prolonging_{};
};

}  // namespace spdk_nvme
