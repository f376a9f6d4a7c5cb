#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <list>
#include <mutex>
#include <stop_token>
#include <thread>
#include <utility>

#include "native/core/base/alarm.h"
#include "native/core/base/thread_name.h"

namespace spdk_nvme {

/**
 * Deadlines for calls into SPDK that may wait indefinitely for an unresponsive target. One thread, which the
 * destructor joins, calls the function of each deadline that passes. Thread: any. No scope may outlive this object.
 *
 * If the thread itself comes late, the whole process was stopped (Ctrl-Z, a suspended container), and the call has had no
 * time either for what has arrived meanwhile: each deadline then has up to a second more, as those of JavaScript have.
 */
class Deadlines {
  using Clock = std::chrono::steady_clock;
  /** Later than this, the thread was kept back. */
  static constexpr std::chrono::milliseconds kKeptBack{500};
  /** What a deadline has after that, at most. */
  static constexpr std::chrono::milliseconds kGrace{1000};
  struct Entry {
    std::chrono::milliseconds limit;
    Clock::time_point at;
    std::function<bool()> late;
  };

 public:
  Deadlines() : thread_([this](const std::stop_token& ended) { watch(ended); }) {}
  Deadlines(const Deadlines&) = delete;
  Deadlines& operator=(const Deadlines&) = delete;
  ~Deadlines() = default;

  /** Ends the thread. No scope may exist, now or later. */
  void stop() {
    thread_ = {};
    alarm_.end();
  }

  /**
   * Calls `late`, which must not block, if the scope still exists when the time is over. If `late` returns
   * true it is called again after the same time.
   */
  class Scope {
   public:
    Scope(Deadlines& deadlines, std::chrono::milliseconds limit, std::function<bool()> late)
        : deadlines_(deadlines),
          entry_(deadlines.add({.limit = limit, .at = Clock::now() + limit, .late = std::move(late)})) {}
    ~Scope() { deadlines_.remove(entry_); }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Deadlines& deadlines_;
    const std::list<Entry>::iterator entry_;
  };

  /**
   * Called before the threads that have had scopes sleep. The alarm of a scope that has ended stays set until then: it serves the scopes
   * that follow, and to move it for each of many short calls costs more than the calls.
   */
  void rest() {
    const std::lock_guard<std::mutex> guard(mutex_);
    if (const auto when = next(); wakes_at_ < when) set_alarm(when);
  }

 private:
  std::list<Entry>::iterator add(Entry entry) {
    const std::lock_guard<std::mutex> guard(mutex_);
    // Nearly every deadline ends in time: the thread is not woken for it.
    if (entry.at < wakes_at_) set_alarm(entry.at);
    return entries_.insert(entries_.end(), std::move(entry));
  }

  void remove(std::list<Entry>::iterator entry) {
    const std::lock_guard<std::mutex> guard(mutex_);
    entries_.erase(entry);
  }

  void watch(const std::stop_token& ended) {
    name_this_thread("spdk-deadlines");
    const std::stop_callback end(ended, [this] { alarm_.set({}); });
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
      if (wakes_at_ != Clock::time_point::max() && Clock::now() > wakes_at_ + kKeptBack) grant_grace();
      for (Entry& entry : entries_) {
        if (!entry.late || entry.at > Clock::now()) continue;
        // From now, not from the due time: this thread may not have run for a long time.
        if (entry.late()) {
          entry.at = Clock::now() + entry.limit;
        } else {
          entry.late = nullptr;
        }
      }
      set_alarm(next());
      // After the alarm is set, which would undo that of the end.
      if (ended.stop_requested()) return;
      lock.unlock();
      alarm_.wait();
      lock.lock();
    }
  }

  /** Holds: mutex_. */
  [[nodiscard]] Clock::time_point next() const {
    auto first = Clock::time_point::max();
    for (const Entry& entry : entries_) {
      if (entry.late) first = std::min(first, entry.at);
    }
    return first;
  }

  /** Holds: mutex_. */
  void set_alarm(Clock::time_point when) {
    wakes_at_ = when;
    alarm_.set(when);
  }

  void grant_grace() {
    for (Entry& entry : entries_) {
      entry.at = std::max(entry.at, Clock::now() + std::min(entry.limit, kGrace));
    }
  }

  /** Guards what follows. Held while a deadline's function runs, so that its scope does not end meanwhile. */
  std::mutex mutex_;
  std::list<Entry> entries_;
  /** What the alarm is set to. */
  Clock::time_point wakes_at_ = Clock::time_point::max();
  Alarm alarm_;
  /** Last: it uses all of the above. */
  std::jthread thread_;
};

}  // namespace spdk_nvme
