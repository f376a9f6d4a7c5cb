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
  /** Never sleep: for machines that give a core to storage. */
  bool always_spin = false;
  /** The longest sleep when nothing is to do; a sleeping poller holds no lock. */
  std::chrono::microseconds idle_sleep{5'000};
};

/** A thread that polls queue pairs of any number of controllers, and sleeps for short times when all are
 * idle. */
class Poller {
 public:
  /** @throws std::system_error when the process may have no more threads */
  Poller(size_t index, PollerOptions options);
  /** Ends the thread, if it is not held up. */
  ~Poller();
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  [[nodiscard]] size_t index() const { return index_; }

  /** Begins to serve a set, until the set is released. Any thread. */
  void add(std::shared_ptr<QueueSet> set);
  /** Makes a sleeping poller look at its sets again at once. Any thread. */
  void wake();

  /** Any thread. */
  [[nodiscard]] PollerStats stats() const;

  [[nodiscard]] pid_t thread_id() const { return thread_.id(); }

  /** Asks the thread to end. Any thread. */
  void stop();
  /** Waits for its end. False when it did not answer in time, because SPDK did not return to it. */
  bool join_for(std::chrono::milliseconds limit) { return thread_.join_for(limit); }

 private:
  struct Loop;
  const size_t index_;
  const std::shared_ptr<Loop> loop_;
  OwnedThread thread_;
};

}  // namespace spdk_nvme
