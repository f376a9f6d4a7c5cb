#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace spdk_nvme {

/**
 * Decides from what a controller answers whether it is still there: when to
 * send it a Keep Alive, and when silence has lasted too long. Knows no
 * thread and no clock; its owner looks when next_look() says so, or sooner, and passes the time.
 *
 * While a Keep Alive is on its way only time in which the owner looked counts. A host that stood still (a stopped
 * process, a suspended machine, a paused virtual one) comes back with a clock that says nothing about the
 * controller, whose answer may lie there already or be on its way: a pause between two looks counts as
 * kLongestLook at most. So poll first, pass on what came, and look then.
 */
class KeepAliveWatch {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Duration = std::chrono::steady_clock::duration;

  /**
   * A controller that has answered within this time is not asked. Together with the keep-alive timeout it is
   * the longest that a silent one goes unnoticed. The timeout itself counts from the question, so a
   * controller that is silent for less than that is never given up.
   */
  static constexpr std::chrono::milliseconds kLongestQuiet{750};
  /** The most that a pause between two looks counts while an answer is awaited. */
  static constexpr std::chrono::milliseconds kLongestLook{100};
  /** How often its owner is to look then. */
  static constexpr std::chrono::milliseconds kLookInterval{50};

  enum class Verdict { fine, ask, silent };

  /** @param timeout how long a Keep Alive may go without an answer; 0: none is sent. */
  explicit KeepAliveWatch(std::chrono::milliseconds timeout)
      : timeout_(timeout), quiet_(std::min<Duration>(timeout / 4, kLongestQuiet)) {}

  /** A new connection, whose controller has answered until now. */
  void begin(Time now) {
    last_look_ = now;
    silent_since_ = spent_;
    asked_ = false;
  }

  /** The controller has answered the Keep Alive, or refused it. */
  void answered() {
    asked_ = false;
    heard();
  }

  /** It has answered some other command of the same queue. */
  void heard() { silent_since_ = spent_; }

  /** `ask`: a Keep Alive is to be sent, which counts as sent from here on; `silent`: the controller is to be
   * given up. */
  Verdict look(Time now) {
    const Duration most = asked_ ? kLongestLook : Duration::max();
    spent_ += std::clamp<Duration>(now - last_look_, Duration::zero(), most);
    last_look_ = now;
    if (timeout_ == Duration::zero()) return Verdict::fine;
    if (asked_) return spent_ - silent_since_ >= timeout_ ? Verdict::silent : Verdict::fine;
    if (spent_ - silent_since_ < quiet_) return Verdict::fine;
    asked_ = true;
    silent_since_ = spent_;  // the timeout counts from the question
    return Verdict::ask;
  }

  /** When to look again, unless something has come before. */
  [[nodiscard]] Time next_look() const {
    if (timeout_ == Duration::zero()) return Time::max();
    if (asked_) return last_look_ + kLookInterval;
    return last_look_ + (quiet_ - (spent_ - silent_since_));
  }

 private:
  const Duration timeout_;
  const Duration quiet_;
  /** The time that counts. */
  Duration spent_{0};
  Time last_look_{};
  /** In that time: the latest answer, or the question if that came later. */
  Duration silent_since_{0};
  /** A Keep Alive has not been answered. */
  bool asked_ = false;
};

}  // namespace spdk_nvme
