#include "native/core/controller/reconnect.h"

#include <algorithm>
#include <utility>

namespace spdk_nvme {

namespace {

using Time = Reconnect::Time;

/** Returns `from + time`, or Time::max() for kForever. */
Time after(Time from, std::chrono::milliseconds time) {
  return time == ReconnectPolicy::kForever ? Time::max() : from + time;
}

}  // namespace

void Reconnect::begin(Time now) {
  last_ = policy_.enabled() ? after(now, policy_.loss_timeout) : now;
  failing_fast_ = false;
  fail_fast_at_ = policy_.fast_io_fail.count() > 0 ? after(now, policy_.fast_io_fail) : Time::max();
}

void Reconnect::end() {
  fail_fast_at_ = Time::max();
  failing_fast_ = false;
}

std::optional<Time> Reconnect::next_attempt(Time attempted, Time now, const Status& failure) const {
  if (policy_.stop_on_rejection && failure.nvme && failure.nvme->dnr) return std::nullopt;
  const Time next = std::max(after(attempted, policy_.delay), now);
  if (next > last_) return std::nullopt;
  return next;
}

Reconnect::WaitingIo Reconnect::waiting_io(Time now) {
  if (now < fail_fast_at_) return WaitingIo::keep;
  return std::exchange(failing_fast_, true) ? WaitingIo::fail : WaitingIo::begin_to_fail;
}

}  // namespace spdk_nvme
