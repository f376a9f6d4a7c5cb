#pragma once

#include <sys/timerfd.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <utility>

namespace spdk_nvme {

/**
 * The sleep of one thread that another prolongs again and again without waking it, and that any thread ends: a timer of
 * the kernel (timerfd) that the sleeper waits for.
 */
class ExtendableSleep {
 public:
  using Clock = std::chrono::steady_clock;

  ExtendableSleep() : timer_(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC)) {}
  ~ExtendableSleep() { close(); }
  ExtendableSleep(const ExtendableSleep&) = delete;
  ExtendableSleep& operator=(const ExtendableSleep&) = delete;

  /** Whether the process had a descriptor for it; without one it cannot be used. Thread: the sleeper. */
  [[nodiscard]] bool available() const { return timer_ >= 0; }

  /** Gives the descriptor back; calls by other threads then have no effect. Thread: the sleeper, at its end. */
  void close() {
    const std::lock_guard<std::mutex> guard(mutex_);
    if (timer_ >= 0) ::close(std::exchange(timer_, -1));
  }

  /**
   * Sleeps until this time, or longer while it is prolonged, but never beyond the limit. Thread: the sleeper.
   * @param ended whether there is a reason not to sleep; the thread that makes it true calls end() afterwards
   */
  template <typename Ended>
  void sleep(Clock::time_point until, Clock::time_point limit, const Ended& ended) {
    limit_.store(limit.time_since_epoch().count(), std::memory_order_relaxed);
    {
      const std::lock_guard<std::mutex> guard(mutex_);
      set(until);
    }
    // Sequentially consistent with end(): either this thread sees the reason, or end() sees it asleep.
    asleep_.store(true, std::memory_order_seq_cst);
    if (!ended()) {
      uint64_t expirations = 0;
      [[maybe_unused]] const auto size = read(timer_, &expirations, sizeof expirations);
    }
    asleep_.store(false, std::memory_order_relaxed);
  }

  /** Makes a sleep last until this time, unless another thread is setting the timer. Never waits. Thread: any. */
  template <typename Ended>
  void prolong(Clock::time_point until, const Ended& ended) {
    if (!asleep_.load(std::memory_order_relaxed)) return;
    if (until.time_since_epoch().count() > limit_.load(std::memory_order_relaxed)) return;
    {
      const std::unique_lock<std::mutex> guard(mutex_, std::try_to_lock);
      if (!guard.owns_lock()) return;
      set(until);
    }
    // Otherwise an end() before this call would be undone.
    if (ended()) end();
  }

  /** Ends the sleep, if there is one. Thread: any. */
  void end() {
    if (!asleep_.load(std::memory_order_seq_cst)) return;
    const std::lock_guard<std::mutex> guard(mutex_);
    set(Clock::time_point(Clock::duration(1)));
  }

 private:
  /** Sets the timer; a time in the past expires immediately. Holds: mutex_. */
  void set(Clock::time_point when) const {
    if (timer_ < 0) return;
    const auto since = when.time_since_epoch().count();
    itimerspec spec{};
    spec.it_value = {.tv_sec = static_cast<time_t>(since / kSecond),
                     .tv_nsec = static_cast<long>(since % kSecond)};
    timerfd_settime(timer_, TFD_TIMER_ABSTIME, &spec, nullptr);
  }

  static constexpr int64_t kSecond = 1'000'000'000;
  /** Guards timer_ and what it is set to. Only the sleeper closes it, and reads it without the lock. */
  std::mutex mutex_;
  int timer_;
  std::atomic<bool> asleep_{false};
  /** The limit of the present sleep, in nanoseconds of the clock. */
  std::atomic<int64_t> limit_{0};
};

}  // namespace spdk_nvme
