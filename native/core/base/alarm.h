#pragma once

#include <poll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <thread>

namespace spdk_nvme {

/**
 * When one thread is to wake: a timer of the kernel (timerfd). Other threads move it without waking that thread, which costs far less
 * than a wake-up, above all in a virtual machine that rests.
 */
class Alarm {
 public:
  using Clock = std::chrono::steady_clock;

  Alarm() : timer_(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC)) {}
  ~Alarm() { end(); }
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;

  /** Gives its descriptor back. Only once its thread has ended; nothing can be set any more. */
  void end() {
    if (timer_ >= 0) close(timer_);
    timer_ = -1;
  }

  /** Moves it, or stops it (`Clock::time_point::max()`). A time in the past wakes the thread immediately. Thread: any. */
  void set(Clock::time_point when) const {
    if (timer_ < 0) return;
    itimerspec spec{};
    if (when != Clock::time_point::max()) {
      // 0 would stop it.
      const int64_t since = std::max<int64_t>(when.time_since_epoch().count(), 1);
      spec.it_value = {.tv_sec = static_cast<time_t>(since / kSecond),
                       .tv_nsec = static_cast<long>(since % kSecond)};
    }
    timerfd_settime(timer_, TFD_TIMER_ABSTIME, &spec, nullptr);
  }

  /**
   * Sleeps until the time that was set last; also a time that passed before counts, until another one is set. May return early, as it does
   * where the process had no descriptor for the timer. Thread: the one.
   */
  void wait() const {
    if (timer_ < 0) {
      std::this_thread::sleep_for(kWithoutTimer);
      return;
    }
    pollfd expiry{.fd = timer_, .events = POLLIN, .revents = 0};
    poll(&expiry, 1, -1);
  }

 private:
  static constexpr int64_t kSecond = 1'000'000'000;
  static constexpr std::chrono::milliseconds kWithoutTimer{50};

  int timer_;
};

}  // namespace spdk_nvme
