#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace spdk_nvme {

/**
 * Decides from a controller's completions when to send it a Keep Alive, and when it is lost. Has no thread and no clock: its
 * owner calls look() with the time at next_look() or earlier.
 *
 * While a Keep Alive is outstanding, only the time in which the owner looked counts. After a pause of the host (a
 * stopped process, a suspended machine, a paused virtual one) the clock says nothing about the controller, whose
 * completion may have arrived meanwhile: a pause between two looks counts as kLongestLook at most. So poll first,
 * report completions, and look then.
 */
class KeepAliveWatch {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Duration = std::chrono::steady_clock::duration;

  /**
   * No Keep Alive is sent within this time after a completion. A controller that stops responding is noticed after this and
   * the keep-alive timeout. The timeout counts from the Keep Alive, so a controller that pauses for less is never lost.
   */
  static constexpr std::chrono::milliseconds kLongestQuiet{750};
  /** The most that a pause between two looks counts while a Keep Alive is outstanding: a little more than that between polls. */
  static constexpr std::chrono::milliseconds kLongestLook{125};
  /** How often its owner looks while a Keep Alive is outstanding. */
  static constexpr std::chrono::milliseconds kLookInterval{50};

  enum class Verdict { fine, send, lost };

  /** @param timeout how long a Keep Alive may be outstanding; 0: none is sent. */
  explicit KeepAliveWatch(std::chrono::milliseconds timeout)
      : timeout_(timeout), quiet_(std::min<Duration>(timeout / 4, kLongestQuiet)) {}

  /** A new connection, whose controller has responded until now. */
  void begin(Time now) {
    last_look_ = now;
    silent_since_ = spent_;
    outstanding_ = false;
  }

  /** Notes that the Keep Alive has completed, with any status. */
  void completed() {
    outstanding_ = false;
    responded();
  }

  /** Notes that another command of the same queue has completed. */
  void responded() { silent_since_ = spent_; }

  /** Whether a Keep Alive is outstanding: look() says `lost` only then, and `send` only otherwise. */
  [[nodiscard]] bool outstanding() const { return outstanding_; }

  /** Returns `send` if a Keep Alive is due, which then counts as outstanding; `lost` without a response. */
  Verdict look(Time now) {
    const Duration most = outstanding_ ? kLongestLook : Duration::max();
    spent_ += std::clamp<Duration>(now - last_look_, Duration::zero(), most);
    last_look_ = now;
    if (timeout_ == Duration::zero()) return Verdict::fine;
    if (outstanding_) return spent_ - silent_since_ >= timeout_ ? Verdict::lost : Verdict::fine;
    if (spent_ - silent_since_ < quiet_) return Verdict::fine;
    outstanding_ = true;
    silent_since_ = spent_;  // the timeout counts from the Keep Alive
    return Verdict::send;
  }

  /** When to look again, unless something has come before. */
  [[nodiscard]] Time next_look() const {
    if (timeout_ == Duration::zero()) return Time::max();
    if (outstanding_) return last_look_ + kLookInterval;
    return last_look_ + (quiet_ - (spent_ - silent_since_));
  }

 private:
  const Duration timeout_;
  const Duration quiet_;
  /** The time that counts, see the class. */
  Duration spent_{0};
  Time last_look_{};
  /** The value of spent_ at the latest completion, or at the Keep Alive if that came later. */
  Duration silent_since_{0};
  bool outstanding_ = false;
};

}  // namespace spdk_nvme
