#pragma once

#include <spdk/nvme.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "native/core/base/linger_lock.h"
#include "native/core/base/status.h"
#include "native/core/io/queue_set.h"
#include "native/spdk/keys.h"

namespace spdk_nvme {

/**
 * A change of the keys of a connection: its admin queue and, where they can, all of its I/O queue pairs authenticate once more,
 * with the new ones. I/O waits inside SPDK until its queue pair has. SPDK disconnects a queue pair that fails. Thread: control, but
 * for what the polling threads report. SPDK reports to it until the controller is destroyed, which it must outlive.
 */
class KeyChange {
 public:
  using Clock = std::chrono::steady_clock;
  using Done = std::function<void(const Status&)>;

  KeyChange(spdk::Keys keys, Clock::time_point deadline, Done done)
      : keys_(std::move(keys)), deadline_(deadline), done_(std::move(done)) {}
  KeyChange(const KeyChange&) = delete;
  KeyChange& operator=(const KeyChange&) = delete;

  [[nodiscard]] const spdk::Keys& keys() const { return keys_; }
  /** Begins to authenticate every queue pair that can authenticate again. */
  void begin(spdk_nvme_ctrlr* controller, const std::vector<std::shared_ptr<QueueSet>>& sets,
             const LingerLock::ExclusiveGuard& held);
  /** How it ended; nothing while it goes on. */
  [[nodiscard]] std::optional<Status> outcome() const;
  [[nodiscard]] bool settled() const { return done_ == nullptr; }
  /** Whether no queue pair will report to it any more. */
  [[nodiscard]] bool over() const { return settled() && pending_.load(std::memory_order_acquire) == 0; }
  /** Calls `done`. May be called once. */
  void settle(const Status& status) { std::exchange(done_, nullptr)(status); }

 private:
  void authenticate(spdk_nvme_ctrlr* controller, spdk_nvme_qpair* queue_pair);
  static void on_authenticated(void* self, int status);
  void fail(int error);

  const spdk::Keys keys_;
  const Clock::time_point deadline_;
  Done done_;
  /** Queue pairs that have not authenticated yet. */
  std::atomic<size_t> pending_{0};
  /** The error of the first queue pair that failed, as a negative errno. */
  std::atomic<int> error_{0};
};

}  // namespace spdk_nvme
