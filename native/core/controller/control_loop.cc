// Longer than other files: the messages of one thread and the changes of state that they make, which are read together.

#include "native/core/controller/control_loop.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <thread>
#include <utility>

#include "native/core/base/elapsed.h"
#include "native/core/connection/hidden_namespaces.h"
#include "native/core/connection/range_limits.h"
#include "native/core/diagnostics/log.h"
#include "native/spdk/env.h"

namespace spdk_nvme {

namespace {

using namespace std::chrono_literals;

/** Only bounds a wait: what has to be done sooner ends the sleep. */
constexpr auto kLongestSleep = 1s;
/** A failure of I/O that is due within this time does not wait for an attempt to connect. */
constexpr auto kSoon = 10ms;
/** How long a new connection waits for its limits, so that the first commands keep to them. Later ones do in any case. */
constexpr auto kLimitsWait = 20ms;

/** Identifies a controller in this process; 0 is none. */
std::atomic<uint64_t> g_last_id{0};

ConnectionContext context_of(std::shared_ptr<ControllerServices> services, const ConnectRequest& request) {
  const size_t threads = services->thread_count();
  const uint64_t log = services->log_id;
  return {.services = std::move(services),
          .linger = std::make_shared<LingerLock>(threads),
          .io_stats = std::make_shared<IoStats>(threads),
          .history = std::make_shared<History>(++g_last_id, request.transport_id.subnqn, log)};
}

}  // namespace

ControlLoop::ControlLoop(std::shared_ptr<ControllerServices> services, ControllerRequest request,
                         ControllerEvents events, std::function<void()> wake)
    : context_(context_of(std::move(services), request)),
      request_(std::move(request)),
      events_(std::move(events), context_.history),
      mailbox_(std::make_shared<Mailbox>(std::move(wake))),
      io_(*context_.services, request_.polling, events_.io_completed()),
      connector_(context_, request_, stop_, io_, [this] { tend_waiting_io(); }),
      reconnect_(request_.reconnect) {
  context_.history->add(HistoryEvent::Kind::state, to_string(ControllerState::attaching));
}

void ControlLoop::stop(StopRequest::Level level) {
  stop_.raise(level);
  mailbox_->nudge();
}

void ControlLoop::detach(DetachSettings settings, DetachCalls::Done done) {
  // Before the request: the reader of that finds them.
  detach_calls_.add(settings, std::move(done));
  stop_.limit_patience(settings.response_limit());
  stop(StopRequest::Level::detach);
  // A reconnect that is under way; what is connected is left alone.
  connector_.cancel();
}

uint32_t ControlLoop::reset() {
  const uint32_t number = resets_ended_.load(std::memory_order_acquire) + 1;
  mailbox_->post([this, number] {
    // Answered by the one that was under way.
    if (resets_ended_.load(std::memory_order_relaxed) >= number) return;
    const ControllerState now = state();
    if (now == ControllerState::attached || now == ControllerState::failed) reset_wanted_ = true;
  });
  return number;
}

void ControlLoop::admin(AdminCommand command) {
  mailbox_->post([this, command = std::move(command)]() mutable {
    if (connection_ != nullptr && state() == ControllerState::draining) {
      command.reject_for_detach();
    } else if (connection_ == nullptr || state() != ControllerState::attached) {
      command.reject();
    } else if (!description_.has(command.namespace_id, command.namespace_tag)) {
      command.reject_for_namespace();
    } else {
      connection_->admin(std::move(command));
    }
  });
}

void ControlLoop::abort(size_t queue_pair, uint32_t slot, AbortCalls::Done done) {
  mailbox_->post([this, queue_pair, slot, done = std::move(done)]() mutable {
    if (connection_ == nullptr) return done(AbortOutcome::not_found);
    connection_->abort(queue_pair, slot, std::move(done));
  });
}

/** Changes the keys. Without a connection, the next one is made with them. */
void ControlLoop::change_keys(spdk::Keys keys, std::chrono::milliseconds limit, KeyChange::Done done) {
  mailbox_->post([this, keys = std::move(keys), limit, done = std::move(done)] {
    if (const auto why = spdk::unsupported_key_change(); !why.empty()) {
      return done(Status::failure("ERR_SPDK_UNSUPPORTED", why));
    }
    const ControllerState now = state();
    if (stopping() || (now != ControllerState::attached && now != ControllerState::failed &&
                       now != ControllerState::resetting)) {
      return done(Status::failure("ERR_SPDK_DETACHING", "the controller is being detached"));
    }
    const auto replace = [this, keys] {
      request_.connect.keys.dhchap = keys.dhchap;
      request_.connect.keys.dhchap_controller = keys.dhchap_controller;
      events_.note(HistoryEvent::Kind::note, "the keys were changed");
    };
    if (connection_ == nullptr || now != ControllerState::attached) {
      replace();
      return done(Status::success());
    }
    connection_->change_keys(keys, Clock::now() + limit, [replace, done](const Status& status) {
      if (status.ok()) replace();
      done(status);
    });
  });
}

void ControlLoop::watch_log() {
  mailbox_->post([this] {
    if (connection_ != nullptr) connection_->watch_log();
  });
}

ControlLoop::Clock::time_point ControlLoop::turn() {
  // Until the end of the turn this thread works for no other controller: all that it has SPDK log is about this one.
  const LogScope scope(context_.history.get());
  if (!std::exchange(begun_, true) && !attach()) {
    end({});
    return kEnded;
  }
  const bool worked = !stopping() && serve();
  if (!stopping()) return worked ? Clock::now() : next_turn();
  end(detach_now());
  return kEnded;
}

bool ControlLoop::attach() {
  std::shared_ptr<Connection> made;
  const Status attached = connector_.connect(made, Connector::OnDetach::wait);
  if (attached.ok()) {
    AttachReport report = connector_.phases();
    {
      const PhaseTimer timer(report.describe_ms);
      adopt(std::move(made));
    }
    report.total_ms = ms_between(started_, Clock::now());
    const double worked =
        report.address_ms + report.controller_ms + report.queue_pairs_ms + report.describe_ms;
    report.wait_ms = std::max(0.0, report.total_ms - worked);
    attach_report_ = report;
  } else {
    connector_.release_id();
  }
  const ControllerState outcome = attached.ok() ? ControllerState::attached : ControllerState::detached;
  if (life_.advance(outcome)) context_.history->add(HistoryEvent::Kind::state, to_string(outcome));
  // The first that is emitted, and all that is emitted of this state: only now its owner has a controller.
  events_.attached(attached);
  return attached.ok();
}

void ControlLoop::end(const DetachReport& report) {
  // Later calls find the state `detached`; earlier ones settle here.
  mailbox_->close();
  detach_calls_.settle(report);
  events_.close();
  io_.stop_reporting();
  connector_.destroy_abandoned([this](std::chrono::microseconds time) { mailbox_->sleep(time); });
}

/** Does what there is to do. True if there may be more. */
bool ControlLoop::serve() {
  const bool posted = mailbox_->run();
  bool more = false;
  if (connection_ != nullptr) {
    if (state() == ControllerState::attached) connection_->add_keep_alive();
    more = connection_->poll();
    connection_->tend_key_change();
    take_range_limits();
    if (state() == ControllerState::attached) connection_->check_keep_alive();
    if (connection_->namespaces_changed()) {
      read_namespaces();
      events_.namespaces_changed();
      look_for_hidden_namespaces();
    }
    if (connection_->take_log_change()) events_.log_changed();
    if (connection_->take_reservation_change()) events_.reservations_changed();
    if (const Status loss = connection_->take_loss(); !loss.ok()) lose(loss);
  }
  if (reset_wanted_) {
    reset_now();
    // The new connection may have been lost already.
    more = true;
  }
  if (state() == ControllerState::failed) destroy_connection();
  return posted || more;
}

/** Returns when an attached or failed controller has something to do. */
ControlLoop::Clock::time_point ControlLoop::next_turn() const {
  if (connection_ == nullptr) return Clock::now() + kLongestSleep;
  return connection_->next_poll();
}

void ControlLoop::sleep_until(Clock::time_point when) {
  const auto now = Clock::now();
  if (when <= now) return;
  const auto time = std::min<Clock::duration>(when - now, kLongestSleep);
  mailbox_->sleep(std::chrono::ceil<std::chrono::microseconds>(time));
}

/** Hands a connection that is made to the threads that poll it. */
void ControlLoop::adopt(std::shared_ptr<Connection> connection) {
  connection_ = std::move(connection);
  description_.read(*connection_);
  connection_->set_namespace_count(description_.namespace_count());
  io_.set_namespaces(description_.namespace_table());
  io_.set_requeue(reconnect_.enabled());
  // Never locked by a poller, which must not be the one that ends the connection.
  const std::weak_ptr<Connection> weak = connection_;
  const auto post = [mailbox = mailbox_, weak](void (*task)(Connection&)) {
    return [mailbox, weak, task] {
      mailbox->post([weak, task] {
        if (const auto still_there = weak.lock(); still_there != nullptr) task(*still_there);
      });
    };
  };
  connection_->serve(io_, {.queue_pair_lost = post([](Connection& lost) {
                             lost.note_loss(Status::failure("ERR_SPDK_CONTROLLER_FAILED",
                                                            "the connection of an I/O queue pair is lost"));
                           }),
                           .admin_data = [mailbox = mailbox_] { mailbox->nudge(); },
                           .queue_pair_ended = post([](Connection& ended) { ended.look_at_queue_pairs(); })});
  if (request_.discovery) return;
  read_range_limits();
  look_for_hidden_namespaces();
}

void ControlLoop::read_range_limits() {
  const ControllerInfo& info = description_.latest_info();
  const auto release = std::make_pair(info.version, info.firmware);
  if (!may_limit_ranges(info) || without_range_limits_ == release) return;
  const auto arrived = std::make_shared<bool>(false);
  connection_->admin(ask_range_limits([this, arrived, release](const RangeLimits& limits, bool unknown) {
    *arrived = true;
    if (unknown) without_range_limits_ = release;
    if (description_.set_range_limits(limits)) limits_changed_ = true;
  }));
  connection_->poll_until([&, limit = Clock::now() + kLimitsWait] {
    return *arrived || connection_->lost() || stopping() || Clock::now() >= limit;
  });
  take_range_limits();
}

void ControlLoop::take_range_limits() {
  // The namespaces of a lost connection are not what they will be, and adopt() reads everything again.
  if (connection_->lost() || !std::exchange(limits_changed_, false)) return;
  read_namespaces();
}

void ControlLoop::read_namespaces() {
  description_.read_namespaces(*connection_);
  connection_->set_namespace_count(description_.namespace_count());
  io_.set_namespaces(description_.namespace_table());
}

/** Continues in the background: no caller waits for it. */
void ControlLoop::look_for_hidden_namespaces() {
  const ControllerInfo& info = description_.latest_info();
  if (!may_hide_namespaces(info)) return;
  connection_->admin(list_hidden_namespaces(info, [this](std::vector<uint32_t> ids) {
    if (!ids.empty() && description_.differs(ids)) {
      events_.note(HistoryEvent::Kind::note,
                   describe_hidden_namespaces(ids, description_.latest_info().max_namespaces));
    }
    if (description_.set_hidden_namespaces(std::move(ids))) events_.namespaces_changed();
  }));
}

/** Reacts to the loss of some part of the connection. */
void ControlLoop::lose(const Status& why) {
  if (state() != ControllerState::attached) return;
  if (!reconnect_.enabled()) return fail(why);
  if (!std::exchange(reset_wanted_, true)) reset_cause_ = why;
}

void ControlLoop::fail(const Status& why) {
  if (life_.advance(ControllerState::failed)) events_.failed(why);
}

/**
 * The connection of a failed controller is destroyed, so that outstanding I/O ends now: a queue pair with commands outstanding
 * does not notice the failure by itself, and its commands would wait for a detach. Called again by fail_submitted(), for
 * commands that JavaScript has published before it received the event.
 */
void ControlLoop::destroy_connection() {
  connection_.reset();
  io_.fail_pending(ENXIO);
}

// A reset here is a detach from SPDK and a connect, on every release: SPDK's own resets wait for registers that no
// longer respond (issue 3920), and its asynchronous reconnect keeps the controller's lock between polls (3559) and
// frees it under a detach (3401). What JavaScript holds stays: the rings, with the commands in them.

void ControlLoop::reset_now() {
  reset_wanted_ = false;
  const Status cause = std::exchange(reset_cause_, Status::success());
  const auto begun = Clock::now();
  bool dead = connection_ == nullptr || connection_->lost() || !cause.ok();
  if (!life_.advance(ControllerState::resetting)) return;
  const uint32_t number = resets_ended_.load(std::memory_order_relaxed) + 1;
  events_.state_changed(ControllerState::resetting);
  events_.reset({.kind = ResetStep::Kind::begun, .number = number, .status = cause});
  io_.set_requeue(true);
  events_.note(HistoryEvent::Kind::reset, cause.ok() ? "requested" : cause.message, cause.code);
  reconnect_.begin(begun);

  DetachSequence sequence(connection_.get(), io_, stop_, {.yields = true});
  dead = dead || !sequence.probe();
  sequence.disconnect_and_destroy(dead, nullptr);
  connection_.reset();

  fail_what_is_due();
  // An address that responded before the loss is checked again.
  connector_.forget_address();
  const auto disconnected = Clock::now();
  for (unsigned attempts = 1; !stopping(); attempts++) {
    const auto attempted = Clock::now();
    std::shared_ptr<Connection> made;
    const Status status = connector_.connect(made, Connector::OnDetach::abandon);
    if (status.ok()) {
      reconnect_.end();
      adopt(std::move(made));
      // Before the state: who sees that, and asks for a reset, wants another one.
      resets_ended_.store(number, std::memory_order_release);
      enter(ControllerState::attached);
      events_.namespaces_changed();
      const auto done = Clock::now();
      events_.reset({.kind = ResetStep::Kind::done,
                     .number = number,
                     .status = Status::success(),
                     .attempts = attempts,
                     .disconnect_ms = ms_between(begun, disconnected),
                     .connect_ms = ms_between(disconnected, done),
                     .total_ms = ms_between(begun, done)});
      return;
    }
    if (stopping()) return;
    events_.note(HistoryEvent::Kind::retry, "not connected: " + status.message, status.code);
    events_.reset(
        {.kind = ResetStep::Kind::attempt_failed, .number = number, .status = status, .attempts = attempts});
    const auto next = reconnect_.next_attempt(attempted, Clock::now(), status);
    if (!next) {
      reconnect_.end();
      io_.set_requeue(false);
      resets_ended_.store(number, std::memory_order_release);
      fail(status);
      events_.reset({.kind = ResetStep::Kind::failed, .number = number, .status = status});
      return;
    }
    wait_for_next_attempt(*next);
  }
}

/** Waits until this time, or until a detach is requested. */
void ControlLoop::wait_for_next_attempt(Clock::time_point when) {
  while (!stopping()) {
    mailbox_->run();
    tend_waiting_io();
    const auto now = Clock::now();
    if (now >= when) return;
    sleep_until(std::min(when, reconnect_.next_look(now)));
  }
}

/**
 * Called before an attempt to connect, which may take seconds: fails I/O if that is about to be due, and again
 * the commands that JavaScript has sent before it got the event.
 */
void ControlLoop::fail_what_is_due() {
  const auto begun = Clock::now();
  const auto due = std::max(reconnect_.next_look(begun), begun);
  if (due - begun > kSoon) return;
  for (const auto when : {due, due + kSoon}) {
    std::this_thread::sleep_until(when);
    tend_waiting_io();
  }
}

/** Called while there is no connection: completes cancelled I/O, and all I/O after the policy's fail-fast time. */
void ControlLoop::tend_waiting_io() {
  io_.settle_cancelled();
  switch (reconnect_.waiting_io(Clock::now())) {
    case Reconnect::WaitingIo::keep:
      return;
    case Reconnect::WaitingIo::begin_to_fail:
      events_.reset({.kind = ResetStep::Kind::failing_fast,
                     .number = resets_ended_.load(std::memory_order_relaxed) + 1,
                     .status = {}});
      [[fallthrough]];
    case Reconnect::WaitingIo::fail:
      io_.fail_pending(ENXIO);
  }
}

DetachReport ControlLoop::detach_now() {
  // What was posted before the detach goes first.
  mailbox_->run();
  const bool lost = connection_ == nullptr || connection_->lost() || state() == ControllerState::failed;
  const DetachSettings settings = detach_calls_.settings();
  const auto pass = [&](ControllerState phase) {
    if (settings.report_states) return enter(phase);
    if (life_.advance(phase)) events_.note_state(phase);
  };
  DetachSequence sequence(connection_.get(), io_, stop_, settings);
  pass(ControllerState::draining);
  io_.set_requeue(false);
  // An operation that times out may be waited for and has to be aborted.
  const bool dead = lost || !sequence.drain([this] { mailbox_->run(); });
  if (!dead) connection_->reject_admin();
  const DetachReport report = sequence.disconnect_and_destroy(dead, pass);
  connection_.reset();
  // These commands waited for a reset that this detach has ended.
  io_.fail_pending(0);
  io_.stop_reporting();
  connector_.release_id();
  enter(ControllerState::detached);
  return report;
}

}  // namespace spdk_nvme
