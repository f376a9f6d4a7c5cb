// How a controller is detached. Control thread only; see controller.h. The order is that of SPDK's own
// module/bdev/nvme: queue pairs first, each by the thread that polls it, then the controller.

#include <algorithm>
#include <thread>

#include "native/core/base/elapsed.h"
#include "native/core/controller/controller.h"
#include "native/spdk/interpose/connection_watch.h"

namespace spdk_nvme {

namespace {

using Clock = std::chrono::steady_clock;

/** Between two looks at how far the pollers have come; longer once nobody waits for the answer any more. */
constexpr std::chrono::microseconds kPause{100};
constexpr std::chrono::milliseconds kPauseWhenLate{20};
/** What SPDK gets to shut a controller down that has just answered. */
constexpr std::chrono::milliseconds kShutdownLimit{1'000};

}  // namespace

void Controller::detach_now() {
  // With the settings of a detach that was posted while serve() came to its end for another reason.
  mailbox_.run();
  const auto begun = Clock::now();
  detach_deadline_ = begun + detach_settings_.timeout;
  const bool failed = has_lost_connection() || state() == ControllerState::failed;
  enter(ControllerState::draining);
  hold_io(false);
  const bool dead = failed || !drain();

  const auto drained = Clock::now();
  enter(ControllerState::disconnecting);
  const spdk::CmWaitLimit goodbyes(dead ? std::chrono::milliseconds(0) : kGoodbyeLimit);
  disconnect_queue_pairs(dead);

  const auto disconnected = Clock::now();
  enter(ControllerState::lingering);
  free_queue_pairs();

  const auto freed = Clock::now();
  {
    const ExclusiveLinger alone(*linger_);
    destroy_controller();
  }
  // What waited for a reset that this detach has ended.
  answer_io(0);
  for (const QueuePair& pair : queue_pairs_) pair.ring->on_completions = nullptr;

  const auto destroyed = Clock::now();
  admin_commands_.abort();
  give_back_id();
  enter(ControllerState::detached);
  const DetachReport report{.drain_ms = ms_between(begun, drained),
                            .disconnect_ms = ms_between(drained, disconnected),
                            .linger_ms = ms_between(disconnected, freed),
                            .destroy_ms = ms_between(freed, destroyed),
                            .total_ms = ms_between(begun, destroyed)};
  // Whoever asks from now on finds the state `detached`; whoever asked before is answered here.
  mailbox_.run();
  for (const auto& done : detach_waiters_) done(report);
  detach_waiters_.clear();
}

/**
 * Waits for the operations that JavaScript still awaits, as long as the caller allows and is there; new ones
 * it refuses itself. Meanwhile asks the controller for a sign of life. False when it gave none.
 */
bool Controller::drain() {
  const auto begun = Clock::now();
  const auto answered = ask_for_sign_of_life();
  // When the environment ends, JavaScript does not lower its count any more.
  wait_until([this, limit = begun + detach_settings_.drain] {
    return pending() == 0 || attach_given_up() || Clock::now() >= limit;
  });
  return wait_for_sign_of_life(answered, begun, detach_settings_.timeout);
}

/** Any answer to a command will do, a refusal too. */
std::shared_ptr<const bool> Controller::ask_for_sign_of_life() {
  auto answered = std::make_shared<bool>(false);
  AdminCommand question;
  question.opcode = SPDK_NVME_OPC_KEEP_ALIVE;
  question.done = [answered](const AdminAnswer&) { *answered = true; };
  admin_commands_.add(std::move(question));
  return answered;
}

bool Controller::wait_for_sign_of_life(const std::shared_ptr<const bool>& answered, Clock::time_point asked,
                                       std::chrono::milliseconds timeout) {
  const auto limit = asked + answer_limit(timeout);
  wait_until([&] { return *answered || admin_failed_ || Clock::now() >= limit; });
  return *answered && !admin_failed_;
}

/** Begins to disconnect every queue pair, where the release can do that without waiting. */
void Controller::disconnect_queue_pairs(bool dead) {
  if (dead && controller_ != nullptr) {
    // The target does not answer: without this SPDK would wait for it in every step that follows.
    const ExclusiveLinger alone(*linger_);
    spdk_nvme_ctrlr_fail(controller_);
    admin_failed_ = true;
  }
  if (QueueSet::released_by_serving_thread()) {
    for (const auto& set : sets_) set->request_release();
    for (const auto& poller : services_->pollers) poller->wake();
    wait_until([this] {
      serve_inline_sets();
      return std::ranges::all_of(sets_, [](const auto& set) { return set->disconnecting(); });
    });
  }
}

/** Has every queue pair freed: by the thread that serves it, or here, where SPDK would make that thread wait.
 */
void Controller::free_queue_pairs() {
  if (QueueSet::released_by_serving_thread()) {
    wait_until([this] {
      serve_inline_sets();
      return std::ranges::all_of(sets_, [](const auto& set) { return set->released(); });
    });
  } else {
    const ExclusiveLinger alone(*linger_);
    for (const auto& set : sets_) set->free();
  }
}

/** The JavaScript thread may be busy, or gone: what it serves is brought to its end here. */
void Controller::serve_inline_sets() {
  if (!request_.inline_polling) return;
  for (const auto& set : sets_) set->poll();
}

/** Waits for the pollers. The admin queue is polled meanwhile, so that the target hears keep-alives. */
void Controller::wait_until(const std::function<bool()>& done) {
  while (!done()) {
    poll_admin();
    if (Clock::now() < detach_deadline_) {
      std::this_thread::sleep_for(kPause);
    } else {
      std::this_thread::sleep_for(kPauseWhenLate);
    }
  }
}

/** The caller holds the exclusive side. */
void Controller::destroy_controller() {
  sets_.clear();
  if (controller_ == nullptr) return;
  // SPDK tells the controller to shut down, and a target may fall silent at any moment.
  const Deadlines::Scope deadline(services_->deadlines, kShutdownLimit, [this] {
    // Others do not wait there, see below.
    if (spdk::DetachAttempt::waits_in_poll()) connection_watch_.break_established();
    return false;
  });
  spdk::DetachAttempt attempt(controller_);
  const auto limit = Clock::now() + kShutdownLimit;
  while (!attempt.poll()) {
    if (Clock::now() >= limit) attempt.stop_waiting();
    std::this_thread::sleep_for(kPause);
  }
  controller_ = nullptr;
}

}  // namespace spdk_nvme
