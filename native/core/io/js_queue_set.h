#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
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
   * Polls, unless another thread does. With a time to spin, it waits that long for the first completion, and
   * then for more while they follow each other, until a third of the commands have completed: a turn of the event loop
   * costs as much as many of them. Thread: JavaScript.
   */
  void poll(std::chrono::microseconds spin = {}) {
    take();
    if (!set_) return;
    // Nothing needs the time of this look, and reading the clock takes a part of the time of a command.
    if (poller_ == nullptr && spin.count() == 0) {
      set_->poll();
      return;
    }
    auto now = Clock::now();
    if (poller_ != nullptr && set_->open_to_visits()) poller_->prolong_watch(now);
    const auto limit = now + kLongestTurn;
    auto end = now + spin;
    uint64_t completed = 0;
    for (uint64_t wanted = 0;;) {
      const QueueSet::Turn turn = poll_once(now);
      if (!turn.hot || spin.count() == 0) return;
      completed += turn.completions;
      if (wanted == 0) wanted = (completed + set_->in_flight()) / 3;
      if (turn.worked && completed >= wanted) return;
      now = Clock::now();
      if (turn.worked) end = std::min(now + kLongestGap, limit);
      if (now < end) continue;
      // A thread that waits for this processor, such as the target's or another worker's, may be what it waits for.
      if (completed == 0) give_way();
      return;
    }
  }

  /**
   * Has some thread look for the completions of commands that were published. Thread: JavaScript.
   * @param first no others are outstanding, so it is worth a call into SPDK that sends these immediately
   */
  void submitted(bool first) {
    take();
    if (!set_) return;
    if (poller_ == nullptr) {
      if (first) set_->poll();
      return;
    }
    const auto now = Clock::now();
    if (first) {
      set_->visit(thread_, now);
    } else {
      set_->note_look(now);
    }
    poller_->watch(now);
  }

 private:
  using Clock = QueueSet::Clock;

  /** Completions with more than this between them do not follow each other. One of 128 KiB takes some 20 µs. */
  static constexpr std::chrono::microseconds kLongestGap{30};
  /** The longest that a turn waits for completions that follow each other. */
  static constexpr std::chrono::microseconds kLongestTurn{100};

  void give_way() {
    if (poller_ == nullptr) {
      std::this_thread::yield();
    } else {
      poller_->give_way();
    }
  }
  QueueSet::Turn poll_once(Clock::time_point now) {
    return poller_ == nullptr ? set_->poll() : set_->visit(thread_, now);
  }
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
  /** The set that take() has taken last. Thread: JavaScript. */
  std::shared_ptr<QueueSet> set_;
  uint32_t taken_ = 0;
};

}  // namespace spdk_nvme
