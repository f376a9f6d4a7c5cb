#pragma once

#include <poll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <utility>

namespace spdk_nvme {

/**
 * The sleep of one thread. Another thread prolongs it again and again without waking the sleeper, and any
 * thread can end it. The sleeper waits for timers of the kernel (timerfd). There are two: to prolong the
 * sleep, the one that does not run is set, and then the other one is stopped. Moving the timer that expires
 * next on its processor would program the hardware twice, which is expensive in a virtual machine: 17 us
 * instead of 10 where it was measured.
 */
class ExtendableSleep {
 public:
  using Clock = std::chrono::steady_clock;

  ExtendableSleep() {
    for (int& timer : timers_) timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
  }
  ~ExtendableSleep() { close(); }
  ExtendableSleep(const ExtendableSleep&) = delete;
  ExtendableSleep& operator=(const ExtendableSleep&) = delete;

  /** Whether the process had descriptors for it; without them it cannot be used. Thread: the sleeper. */
  [[nodiscard]] bool available() const { return timers_[0] >= 0 && timers_[1] >= 0; }

  /** Gives the descriptors back; calls by other threads then have no effect. Thread: the sleeper, at its end. */
  void close() {
    const std::lock_guard<std::mutex> guard(mutex_);
    for (int& timer : timers_) {
      if (timer >= 0) ::close(std::exchange(timer, -1));
    }
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
      move(until);
    }
    // Sequentially consistent with end(): either this thread sees the reason, or end() sees it asleep.
    asleep_.store(true, std::memory_order_seq_cst);
    if (!ended()) {
      std::array<pollfd, 2> waits{pollfd{.fd = timers_[0], .events = POLLIN, .revents = 0},
                                  pollfd{.fd = timers_[1], .events = POLLIN, .revents = 0}};
      poll(waits.data(), waits.size(), -1);
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
      move(until);
    }
    // Otherwise an end() before this call would be undone.
    if (ended()) end();
  }

  /** Ends the sleep, if there is one. Thread: any. */
  void end() {
    if (!asleep_.load(std::memory_order_seq_cst)) return;
    const std::lock_guard<std::mutex> guard(mutex_);
    set(timers_[running_], Clock::time_point(Clock::duration(1)));
  }

 private:
  /** Ends the sleep at this time instead. Holds: mutex_. */
  void move(Clock::time_point when) {
    const size_t before = running_;
    running_ = 1 - before;
    set(timers_[running_], when);
    set(timers_[before], Clock::time_point{});
  }

  /**
   * Sets a timer, or stops it if there is no time. A time in the past expires immediately. An earlier expiry
   * is forgotten.
   */
  static void set(int timer, Clock::time_point when) {
    if (timer < 0) return;
    const auto since = when.time_since_epoch().count();
    itimerspec spec{};
    spec.it_value = {.tv_sec = static_cast<time_t>(since / kSecond),
                     .tv_nsec = static_cast<long>(since % kSecond)};
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &spec, nullptr);
  }

  static constexpr int64_t kSecond = 1'000'000'000;
  /** Guards the timers, what they are set to, and which one runs. Only the sleeper closes them, and reads them without the lock. */
  std::mutex mutex_;
  std::array<int, 2> timers_{};
  size_t running_ = 0;
  std::atomic<bool> asleep_{false};
  /** The limit of the present sleep, in nanoseconds of the clock. */
  std::atomic<int64_t> limit_{0};
};

}  // namespace spdk_nvme
