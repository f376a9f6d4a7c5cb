#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

#include "native/core/io/poller.h"
#include "native/core/io/queue_set.h"

namespace spdk_nvme {

/** The queue set that the JavaScript thread polls, alone or beside a poller. A reset replaces it. */
class JsQueueSet {
 public:
  /**
   * @param thread number of the JavaScript thread, see IoServices
   * @param poller that owns the set and serves it while JavaScript does not look; null when JavaScript owns it
   */
  JsQueueSet(size_t thread, Poller* poller) : thread_(thread), poller_(poller) {}

  /** Thread: control. */
  void replace(std::shared_ptr<QueueSet> set) {
    const std::lock_guard<std::mutex> guard(mutex_);
    fresh_ = std::move(set);
    version_.fetch_add(1, std::memory_order_release);
  }

  /**
   * Polls, unless another thread does: once, and again as long as commands are outstanding and none has completed, up
   * to a time. Thread: JavaScript.
   */
  void poll(std::chrono::microseconds spin = {}) {
    take();
    if (!set_) return;
    const auto end = spin.count() > 0 ? Clock::now() + spin : Clock::time_point{};
    for (;;) {
      const QueueSet::Turn turn = poll_once();
      if (turn.worked || !turn.hot || spin.count() == 0 || Clock::now() >= end) return;
    }
  }

  /**
   * Commands were published: some thread looks for their completions from now on. Thread: JavaScript.
   * @param first no others are outstanding, so it is worth a call into SPDK that sends them at once
   */
  void submitted(bool first) {
    take();
    if (!set_) return;
    if (first) {
      poll_once();
    } else {
      set_->note_look();
    }
    if (poller_ != nullptr) poller_->watch();
  }

 private:
  using Clock = std::chrono::steady_clock;

  QueueSet::Turn poll_once() { return poller_ == nullptr ? set_->poll() : set_->visit(thread_); }
  void take() {
    if (version_.load(std::memory_order_acquire) == taken_) return;
    const std::lock_guard<std::mutex> guard(mutex_);
    set_ = fresh_;
    taken_ = version_.load(std::memory_order_relaxed);
  }

  const size_t thread_;
  Poller* const poller_;
  /** Guards fresh_; the version is readable without it. */
  std::mutex mutex_;
  std::shared_ptr<QueueSet> fresh_;
  std::atomic<uint32_t> version_{0};
  /** What was taken last. Thread: JavaScript. */
  std::shared_ptr<QueueSet> set_;
  uint32_t taken_ = 0;
};

}  // namespace spdk_nvme
