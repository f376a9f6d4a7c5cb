// How a controller's connection is made anew, asked for
// or after a loss. Control thread only; see controller.h.
//
// A reset here is a detach from SPDK and a connect, on every release: SPDK's own resets wait for registers
// that no longer answer (issue 3920), and its asynchronous reconnect keeps the controller's lock between
// polls (3559) and frees it under a detach (3401). What JavaScript holds stays: the rings, with the commands
// in them.

#include <algorithm>
#include <cerrno>
#include <utility>

#include "native/core/base/elapsed.h"
#include "native/core/controller/controller.h"
#include "native/spdk/interpose/connection_watch.h"

namespace spdk_nvme {

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

/** What the pollers get to disconnect their queue pairs before the control thread waits less eagerly. */
constexpr auto kDisconnectTime = 5s;
/** How often I/O that came in spite of a fast failure is answered: batches are not told before. */
constexpr auto kFastFailInterval = 20ms;
constexpr auto kLongestSleep = 1s;

/** As `from + time`, for times up to for ever. */
Clock::time_point after(Clock::time_point from, std::chrono::milliseconds time) {
  return time == ReconnectPolicy::kForever ? Clock::time_point::max() : from + time;
}

}  // namespace

void Controller::reset() {
  mailbox_.post([this] {
    const ControllerState now = state();
    if (now == ControllerState::attached || now == ControllerState::failed) reset_wanted_ = true;
  });
}

void Controller::reset_now() {
  reset_wanted_ = false;
  const Status cause = std::exchange(reset_cause_, Status::success());
  const ReconnectPolicy& policy = request_.reconnect;
  const auto begun = Clock::now();
  bool dead = has_lost_connection() || state() == ControllerState::failed || !cause.ok();
  if (!life_.advance(ControllerState::resetting)) return;
  tell_state(ControllerState::resetting);
  tell_reset({.kind = ResetStep::Kind::begun, .status = cause});
  hold_io(true);
  history_->add(HistoryEvent::Kind::reset, cause.ok() ? "asked for" : cause.message, cause.code);
  if (policy.fast_io_fail > 0ms) fail_fast_at_ = after(begun, policy.fast_io_fail);

  detach_deadline_ = begun + kDisconnectTime;
  dead = dead || !wait_for_sign_of_life(ask_for_sign_of_life(), begun, kDisconnectTime);
  end_connection(dead);

  const auto disconnected = Clock::now();
  // Without a policy there is one try, whose time is the connect's own.
  const auto last = policy.enabled() ? after(begun, policy.loss_timeout) : begun;
  for (unsigned tries = 1; !leaving_.load(std::memory_order_acquire); tries++) {
    const auto tried = Clock::now();
    const Status status = establish();
    if (status.ok()) {
      finish_reset();
      const auto done = Clock::now();
      tell_reset({.kind = ResetStep::Kind::done,
                  .status = Status::success(),
                  .tries = tries,
                  .disconnect_ms = ms_between(begun, disconnected),
                  .connect_ms = ms_between(disconnected, done),
                  .total_ms = ms_between(begun, done)});
      return;
    }
    if (leaving_.load(std::memory_order_acquire)) return;
    history_->add(HistoryEvent::Kind::retry, "not connected: " + status.message, status.code);
    tell_reset({.kind = ResetStep::Kind::try_failed, .status = status, .tries = tries});
    const auto next = std::max(after(tried, policy.delay), Clock::now());
    if (next > last) {
      give_up_reset(status);
      return;
    }
    wait_for_next_try(next);
  }
}

void Controller::end_connection(bool dead) {
  const spdk::CmWaitLimit goodbyes(dead ? 0ms : kGoodbyeLimit);
  disconnect_queue_pairs(dead);
  free_queue_pairs();
  const ExclusiveLinger alone(*linger_);
  destroy_controller();
  admin_commands_.abort();
  // What it reported last is not to be looked at any more; the next connection is described anew.
  namespaces_stale_ = false;
  changed_namespaces_read_ = false;
}

/** A detach that is asked for ends the wait. */
void Controller::wait_for_next_try(Clock::time_point when) {
  while (!leaving_.load(std::memory_order_acquire)) {
    mailbox_.run();
    fail_fast_if_due();
    const auto now = Clock::now();
    if (now >= when) return;
    const auto pause = failing_fast_ ? now + kFastFailInterval : fail_fast_at_;
    const auto sleep = std::chrono::ceil<std::chrono::microseconds>(std::min(when, pause) - now);
    mailbox_.sleep(std::min<std::chrono::microseconds>(sleep, kLongestSleep));
  }
}

/** From the moment on that the policy names, I/O is refused rather than held. What was cancelled is not held
 * either. */
void Controller::fail_fast_if_due() {
  for (const QueuePair& pair : queue_pairs_) {
    pair.ring->answer_cancelled();
    pair.ring->notify();
  }
  if (Clock::now() < fail_fast_at_) return;
  if (!std::exchange(failing_fast_, true)) tell_reset({.kind = ResetStep::Kind::failing_fast, .status = {}});
  answer_io(ENXIO);
}

void Controller::stop_failing_fast() {
  fail_fast_at_ = Clock::time_point::max();
  failing_fast_ = false;
}

void Controller::finish_reset() {
  stop_failing_fast();
  start_serving();
  enter(ControllerState::attached);
  if (events_.namespaces_changed) events_.namespaces_changed();
}

void Controller::give_up_reset(const Status& why) {
  stop_failing_fast();
  hold_io(false);
  if (!life_.advance(ControllerState::failed)) return;
  history_->add(HistoryEvent::Kind::failure, why.message, why.code);
  tell_state(ControllerState::failed);
  if (events_.failed) events_.failed(why);
}

void Controller::tell_reset(const ResetStep& step) {
  if (events_.reset) events_.reset(step);
}

}  // namespace spdk_nvme
