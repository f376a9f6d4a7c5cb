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
constexpr auto kLongestSleep = 1s;

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
  const auto begun = Clock::now();
  bool dead = has_lost_connection() || state() == ControllerState::failed || !cause.ok();
  if (!life_.advance(ControllerState::resetting)) return;
  events_.state_changed(ControllerState::resetting);
  events_.reset({.kind = ResetStep::Kind::begun, .status = cause});
  hold_io(true);
  events_.note(HistoryEvent::Kind::reset, cause.ok() ? "asked for" : cause.message, cause.code);
  reconnect_.begin(begun);

  detach_deadline_ = begun + kDisconnectTime;
  dead = dead || !wait_for_sign_of_life(ask_for_sign_of_life(), begun, kDisconnectTime);
  end_connection(dead);

  const auto disconnected = Clock::now();
  for (unsigned tries = 1; !leaving_.load(std::memory_order_acquire); tries++) {
    const auto tried = Clock::now();
    const Status status = establish();
    if (status.ok()) {
      finish_reset();
      const auto done = Clock::now();
      events_.reset({.kind = ResetStep::Kind::done,
                     .status = Status::success(),
                     .tries = tries,
                     .disconnect_ms = ms_between(begun, disconnected),
                     .connect_ms = ms_between(disconnected, done),
                     .total_ms = ms_between(begun, done)});
      return;
    }
    if (leaving_.load(std::memory_order_acquire)) return;
    events_.note(HistoryEvent::Kind::retry, "not connected: " + status.message, status.code);
    events_.reset({.kind = ResetStep::Kind::try_failed, .status = status, .tries = tries});
    const auto next = reconnect_.next_attempt(tried, Clock::now());
    if (!next) {
      give_up_reset(status);
      return;
    }
    wait_for_next_try(*next);
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
    const auto look = std::min(when, reconnect_.next_look(now));
    const auto sleep = std::chrono::ceil<std::chrono::microseconds>(look - now);
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
  switch (reconnect_.waiting_io(Clock::now())) {
    case Reconnect::WaitingIo::keep:
      return;
    case Reconnect::WaitingIo::begin_to_fail:
      events_.reset({.kind = ResetStep::Kind::failing_fast, .status = {}});
      [[fallthrough]];
    case Reconnect::WaitingIo::fail:
      answer_io(ENXIO);
  }
}

void Controller::finish_reset() {
  reconnect_.end();
  start_serving();
  enter(ControllerState::attached);
  events_.namespaces_changed();
}

void Controller::give_up_reset(const Status& why) {
  reconnect_.end();
  hold_io(false);
  if (life_.advance(ControllerState::failed)) events_.failed(why);
}

}  // namespace spdk_nvme
