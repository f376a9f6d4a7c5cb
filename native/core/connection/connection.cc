// Longer than other files: one object from connected to destroyed, and each step uses the same few members.

#include "native/core/connection/connection.h"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <thread>
#include <utility>

#include "native/core/base/backoff.h"
#include "native/core/connection/waiting_call.h"
#include "native/spdk/controller_type.h"
#include "native/spdk/namespaces.h"

namespace spdk_nvme {

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using Reported = spdk::ConnectionWatch::Reported;

/** For each namespace of a controller that describes them again, one after the other. */
constexpr auto kTimeForNamespace = 10ms;
/** Between polls of an admin queue whose transport does not report what arrives. */
constexpr auto kPollInterval = 100ms;
/** Between polls of an admin queue whose transport does. */
constexpr auto kLongestPollInterval = 1'000ms;
/**
 * Between polls while commands are outstanding: at first short for their latency, and then a part of the time that they have
 * taken. Some take minutes, and an Asynchronous Event Request of the program's takes until there is an event.
 */
constexpr auto kShortestBusyInterval = 50us;
constexpr auto kLongestBusyInterval = 10ms;
constexpr int kPollsInBusyTime = 16;
/** Within this time after a response, a controller counts as alive without a probe. */
constexpr auto kFresh = 5ms;
/** How long a wait polls before it sleeps: most waits are shorter than a sleep. */
constexpr auto kEagerTime = 200us;
/** SPDK sends a Keep Alive in the first poll after half of the time that the target granted. */
constexpr int kPollsInKeepAlive = 4;
/** Also where a target grants less, which would take all of a processor. */
constexpr auto kShortestPollInterval = 10ms;
/** A Keep Alive's timeout of so many polls is not much longer if it is noticed with the next one. */
constexpr int kPollsInLongTimeout = 16;
/**
 * A poll of an admin queue that is lost disconnects it. SPDK would wait a second for the handshake, to which a target that has
 * gone does not respond, and everything of the controller would wait with it.
 */
constexpr auto kHandshakeOfLost = 20ms;
/** Between looks at whether a detach waits for a shutdown. */
constexpr auto kShutdownLook = 50ms;
/** Between looks at the I/O queue pairs while they authenticate. */
constexpr auto kLookInterval = 1ms;
/** "Asymmetric Namespace Access Change" and "Discovery Log Page Change", notices. */
constexpr uint32_t kAnaLogChanged = 0x03;
constexpr uint32_t kDiscoveryLogChanged = 0xf0;

std::string for_so_long(std::chrono::milliseconds time) {
  return " for " + std::to_string(time.count()) + " ms";
}

Status connection_ended() {
  return Status::failure("ERR_SPDK_CONTROLLER_FAILED", "the connection ended before the keys were changed");
}

}  // namespace

Connection::Connection(ConnectionContext context, spdk_nvme_ctrlr* controller, Granted granted,
                       const spdk::ConnectSettings& settings, std::shared_ptr<spdk::ConnectionWatch> watch,
                       const StopRequest& stop)
    : context_(std::move(context)),
      controller_(controller),
      granted_(granted),
      timeout_(settings.timeout_ms),
      keep_alive_timeout_(settings.keep_alive_ms),
      watch_(std::move(watch)),
      stop_(stop),
      keys_(settings.keys),
      keep_alive_(keep_alive_timeout_) {}

Connection::~Connection() {
  if (controller_ != nullptr) disconnect_and_destroy(true);
}

bool Connection::connect_queue_pairs(const IoQueues& io, Clock::time_point deadline,
                                     const LingerLock::ExclusiveGuard& /*held*/) {
  for (IoQueues::Share& share : io.shares()) {
    sets_.push_back(std::make_shared<QueueSet>(controller_, context_.linger, share.thread,
                                               std::move(share.rings), context_.history, context_.io_stats));
    if (!sets_.back()->connect(granted_.queue_depth, deadline, &stop_)) return false;
  }
  return true;
}

void Connection::destroy_unserved(const LingerLock::ExclusiveGuard& held) {
  for (const auto& set : sets_) set->disconnect_and_free();
  destroy(held, kShutdownLimit, nullptr);
}

void Connection::serve(IoQueues& io, const Notify& notify) {
  io_ = &io;
  reported_ = watch_->notify(context_.services->socket_events,
                             {.first_has_data = notify.admin_data,
                              .other_ended = notify.queue_pair_ended,
                              .cm_event = [came = cm_event_, poll = notify.admin_data] {
                                came->store(true, std::memory_order_release);
                                poll();
                              }});
  last_response_ = Clock::now();
  keep_alive_.begin(last_response_);
  spdk_nvme_ctrlr_register_aer_callback(controller_, on_async_event, this);
  for (const auto& set : sets_) {
    set->on_failure = notify.queue_pair_lost;
    set->end_is_reported = reported_ != Reported::nothing;
  }
  io.serve(sets_);
}

bool Connection::poll() {
  last_poll_ = Clock::now();
  if (lost()) return false;
  if (abort_calls_.waiting()) {
    const LingerLock::ExclusiveGuard alone(*context_.linger);
    abort_calls_.send_more(controller_);
  }
  int32_t result = 0;
  const uint64_t before = admin_commands_.completions();
  const bool cm_event = cm_event_->exchange(false, std::memory_order_acq_rel);
  const auto submit_and_poll = [&] {
    admin_commands_.submit(controller_);
    result = spdk_nvme_ctrlr_process_admin_completions(controller_);
    // SPDK may disconnect a lost queue pair over several polls, and return an error in the last of them.
    if (result == 0 && admin_queue_failed()) result = -ENXIO;
  };
  const bool returned = wait_for_controller(submit_and_poll, LingerSide::shared);
  // The poll has taken the events of all queue pairs.
  if (cm_event) look_at_queue_pairs();
  if (!returned) return false;
  if (result < 0) lose_admin_queue("the connection to the controller's admin queue is lost", -result);
  if (result <= 0) return false;
  last_response_ = Clock::now();
  // SPDK sends in the next poll what its own completions led to, such as its next Asynchronous Event Request.
  const uint64_t ours = admin_commands_.completions() - before;
  return ours != static_cast<uint64_t>(result) || busy();
}

bool Connection::admin_queue_failed() const {
  return spdk_nvme_ctrlr_get_admin_qp_failure_reason(controller_) != SPDK_NVME_QPAIR_FAILURE_NONE;
}

bool Connection::has_just_responded() {
  if (Clock::now() - last_response_ >= kFresh) return false;
  // Unless it has ended its connection since.
  poll();
  return !lost();
}

Clock::time_point Connection::next_poll() const {
  if (lost()) return Clock::time_point::max();
  if (busy()) {
    const auto taken = last_poll_ - std::max(last_request_, last_response_);
    return Clock::now() +
           std::clamp<Clock::duration>(taken / kPollsInBusyTime, kShortestBusyInterval, kLongestBusyInterval);
  }
  Clock::duration interval = reported_ == Reported::data ? kLongestPollInterval : kPollInterval;
  if (granted_.keep_alive > 0ms) {
    const auto part = std::max(granted_.keep_alive / kPollsInKeepAlive, kShortestPollInterval);
    interval = std::min<Clock::duration>(interval, part);
  }
  const auto next = last_poll_ + interval;
  // What is polled so often looks at its Keep Alive in these polls: looks of their own would keep the wake-ups of many controllers apart.
  if (reported_ != Reported::data && interval * kPollsInLongTimeout <= keep_alive_timeout_) return next;
  return std::min(next, keep_alive_.next_look());
}

void Connection::poll_until(const std::function<bool()>& done) {
  const Backoff backoff;
  while (!done()) {
    if (poll()) continue;
    if (backoff.elapsed() < kEagerTime) {
      std::this_thread::yield();
    } else {
      backoff.pause();
    }
  }
}

/**
 * Makes a call into SPDK that may wait for the controller: after an event that a namespace has changed, SPDK reads the
 * Identify data of all namespaces inside the call. False if the controller did not respond; the admin queue is lost then.
 */
bool Connection::wait_for_controller(const std::function<void()>& call, LingerSide side) {
  const auto limit = silence_limit() + kTimeForNamespace * namespace_count_;
  {
    std::optional<LingerLock::SharedGuard> together;
    std::optional<LingerLock::ExclusiveGuard> alone;
    if (side == LingerSide::shared) {
      together.emplace(*context_.linger, context_.services->control_thread());
    } else {
      alone.emplace(*context_.linger);
    }
    const spdk::CmWaitLimit handshake(kHandshakeOfLost);
    const WaitingCall waiting(context_.services->deadlines, *context_.linger, *watch_,
                              {.response = limit, .stop = stop_});
    call();
    if (!waiting.timed_out()) return true;
  }
  lose_admin_queue("the controller did not describe its namespaces" + for_so_long(limit), ETIMEDOUT);
  return false;
}

/** How long a controller may take to respond: the time of the keep-alive or, without one, of the attach. */
std::chrono::milliseconds Connection::silence_limit() const {
  return keep_alive_timeout_ == 0ms ? timeout_ : keep_alive_timeout_;
}

/**
 * SPDK sends a Keep Alive in every half of the timeout that the target has granted, and ignores its completion: that only
 * shows the target that the host is alive. The Keep Alives sent here show the host that the target is. Completions of I/O
 * do not count: admin commands must complete too, which needs a working admin queue.
 */
void Connection::add_keep_alive() {
  if (lost() || keep_alive_.outstanding()) return;
  note_completions();
  if (keep_alive_.look(Clock::now()) != KeepAliveWatch::Verdict::send) return;
  AdminCommand probe;
  probe.opcode = SPDK_NVME_OPC_KEEP_ALIVE;
  probe.awaited = false;
  probe.done = [this](const AdminResult& result) {
    if (result.completed) keep_alive_.completed();
  };
  admin_commands_.add(std::move(probe));
}

void Connection::check_keep_alive() {
  if (lost()) return;
  note_completions();
  if (!keep_alive_.outstanding() || keep_alive_.look(Clock::now()) != KeepAliveWatch::Verdict::lost) return;
  lose_admin_queue("the controller did not respond to a Keep Alive" + for_so_long(keep_alive_timeout_),
                   ETIMEDOUT);
}

/** Each completion shows that the controller is there. */
void Connection::note_completions() {
  const uint64_t seen = std::exchange(completions_seen_, admin_commands_.completions());
  if (seen != completions_seen_) keep_alive_.responded();
}

void Connection::admin(AdminCommand command) {
  if (lost()) {
    command.reject();
    return;
  }
  if (command.awaited) last_request_ = Clock::now();
  admin_commands_.add(std::move(command));
}

void Connection::abort(size_t queue_pair, uint32_t slot, AbortCalls::Done done) {
  if (lost()) return done(AbortOutcome::not_found);
  last_request_ = Clock::now();
  // The pollers' side of the rings and of SPDK's queue pairs is read.
  const LingerLock::ExclusiveGuard alone(*context_.linger);
  size_t index = queue_pair;
  for (const auto& set : sets_) {
    if (index < set->size()) return abort_calls_.send(controller_, *set, index, slot, std::move(done));
    index -= set->size();
  }
  done(AbortOutcome::not_found);
}

void Connection::change_keys(spdk::Keys keys, Clock::time_point deadline, KeyChange::Done done) {
  if (lost() || (key_change_ != nullptr && !key_change_->over())) {
    return done(Status::failure("ERR_SPDK_CONTROLLER_FAILED", "the controller is not connected"));
  }
  last_request_ = Clock::now();
  const LingerLock::ExclusiveGuard alone(*context_.linger);
  key_change_ = std::make_unique<KeyChange>(std::move(keys), deadline, std::move(done));
  key_change_->begin(controller_, sets_, alone);
}

void Connection::tend_key_change() {
  if (!changing_keys()) return;
  // The polling threads may have no other reason to look at their queue pairs.
  if (const auto now = Clock::now(); now - last_look_ >= kLookInterval) {
    last_look_ = now;
    look_at_queue_pairs();
  }
  auto outcome = key_change_->outcome();
  if (!outcome && lost()) outcome = connection_ended();
  if (!outcome) return;
  if (outcome->ok()) {
    keys_.dhchap = key_change_->keys().dhchap;
    keys_.dhchap_controller = key_change_->keys().dhchap_controller;
  } else {
    {
      const LingerLock::ExclusiveGuard alone(*context_.linger);
      spdk::set_keys(controller_, keys_);
    }
    note_loss(*outcome);
  }
  key_change_->settle(*outcome);
}

void Connection::lose_admin_queue(const std::string& why, int error_number) {
  lost_ = true;
  context_.history->add(HistoryEvent::Kind::connection_lost, why);
  admin_commands_.abort();
  note_loss(Status::failure("ERR_SPDK_CONTROLLER_FAILED", why, error_number));
}

void Connection::note_loss(Status why) {
  if (loss_.ok()) loss_ = std::move(why);
}

bool Connection::namespaces_changed() {
  if (lost()) return false;
  // Where SPDK has not read the list, it keeps the identifiers of a namespace that has been replaced: nothing is reported before they
  // are read again.
  bool changed = std::exchange(namespaces_stale_, false) && !read_changed_namespaces();
  if (std::exchange(changed_namespaces_read_, false)) {
    // It polls the admin queue without SPDK's own lock, so nothing else may destroy a CM id meanwhile.
    changed |=
        wait_for_controller([this] { spdk::identify_namespaces_again(controller_); }, LingerSide::exclusive);
  }
  if (!changed) return false;
  // SPDK takes a namespace that it could not identify for one that is gone.
  if ((spdk_nvme_ctrlr_is_failed(controller_) || admin_queue_failed()) && !lost()) {
    lose_admin_queue("the connection ended while its namespaces were identified", ENXIO);
  }
  return !lost();
}

/** Reads the list of changes, unless SPDK has: otherwise the controller reports no further one. True if it is being read. */
bool Connection::read_changed_namespaces() {
  const auto log = spdk::unread_log_of_namespaces();
  if (!log) return false;
  AdminCommand command;
  command.opcode = SPDK_NVME_OPC_GET_LOG_PAGE;
  command.namespace_id = SPDK_NVME_GLOBAL_NS_TAG;
  command.cdw[0] = log->id | (log->bytes / 4 - 1) << 16;
  command.data.resize(log->bytes);
  command.own = true;
  // A controller without the list has changed all the same.
  command.done = [this](const AdminResult& /*result*/) { changed_namespaces_read_ = true; };
  admin_commands_.add(std::move(command));
  return true;
}

void Connection::watch_log() {
  if (!lost() && !spdk::requests_events(controller_)) request_event();
}

/** The controller completes it with its next event, or when the connection ends. */
void Connection::request_event() {
  AdminCommand command;
  command.opcode = SPDK_NVME_OPC_ASYNC_EVENT_REQUEST;
  command.awaited = false;
  command.done = [this](const AdminResult& result) {
    if (!result.status.ok()) return;
    on_event(result.cdw0);
    request_event();
  };
  admin_commands_.add(std::move(command));
}

void Connection::on_async_event(void* self, const spdk_nvme_cpl* completion) {
  if (!spdk_nvme_cpl_is_error(completion)) static_cast<Connection*>(self)->on_event(completion->cdw0);
}

/** Notes an event (NVMe base specification, "Asynchronous Event Request"). SPDK has updated its namespaces already. */
void Connection::on_event(uint32_t raw) {
  spdk_nvme_async_event_completion event{};
  event.raw = raw;
  if (event.bits.async_event_type == SPDK_NVME_ASYNC_EVENT_TYPE_IO &&
      event.bits.async_event_info == SPDK_NVME_ASYNC_EVENT_RESERVATION_LOG_AVAIL) {
    reservations_changed_ = true;
  }
  if (event.bits.async_event_type != SPDK_NVME_ASYNC_EVENT_TYPE_NOTICE) return;
  if (event.bits.async_event_info == SPDK_NVME_ASYNC_EVENT_NS_ATTR_CHANGED) namespaces_stale_ = true;
  if (event.bits.async_event_info == kAnaLogChanged) log_changed_ = true;
  if (event.bits.async_event_info == kDiscoveryLogChanged) log_changed_ = true;
}

// The order of SPDK's own module/bdev/nvme: queue pairs first, each by the thread that polls it, then the controller.

void Connection::disconnect_and_destroy(bool dead) {
  const spdk::CmWaitLimit handshake(handshake_limit(dead));
  disconnect(dead);
  free();
  destroy();
}

void Connection::disconnect(bool dead) {
  if (dead && controller_ != nullptr) {
    const LingerLock::ExclusiveGuard alone(*context_.linger);
    spdk_nvme_ctrlr_fail(controller_);
    lost_ = true;
    watch_->note_dead();
  }
  for (const auto& set : sets_) set->request_disconnect();
  if (!any_set(&QueueSet::disconnect_pending)) return;
  if (io_ != nullptr) io_->wake_pollers();
  poll_while_any(&QueueSet::disconnect_pending);
}

void Connection::free() {
  if (any_set(&QueueSet::serving)) {
    const LingerLock::ExclusiveGuard alone(*context_.linger);
    for (const auto& set : sets_) {
      if (set->serving()) set->free();
    }
  }
  // They drop what is freed; a poller at rest would keep it, and count its controller, for seconds.
  if (io_ != nullptr) io_->wake_pollers();
  poll_while_any(&QueueSet::disconnecting);
}

bool Connection::any_set(SetState is) const {
  return std::ranges::any_of(sets_, [is](const auto& set) { return ((*set).*is)(); });
}

void Connection::poll_while_any(SetState is) {
  if (!any_set(is)) return;
  poll_until([&] {
    serve_left_sets();
    return !any_set(is);
  });
}

/** Brings the sets to their end that no poller serves: nothing else would, and the control thread waits for their end. */
void Connection::serve_left_sets() {
  if (io_ == nullptr) return;
  for (const auto& set : sets_) {
    if (!io_->has_poller(set->thread())) set->poll();
  }
}

void Connection::destroy(std::chrono::milliseconds shutdown_limit, const std::function<bool()>& interrupted) {
  {
    const LingerLock::ExclusiveGuard alone(*context_.linger);
    destroy(alone, shutdown_limit, interrupted);
  }
  admin_commands_.abort();
  abort_calls_.settle_all();
  if (changing_keys()) key_change_->settle(connection_ended());
}

void Connection::destroy(const LingerLock::ExclusiveGuard& /*held*/, std::chrono::milliseconds shutdown_limit,
                         const std::function<bool()>& interrupted) {
  sets_.clear();
  if (controller_ == nullptr) return;
  const auto over = [&](std::chrono::milliseconds waited) {
    return waited >= shutdown_limit || (interrupted && interrupted());
  };
  // SPDK shuts the controller down with a command, and the target may stop responding at any moment.
  const auto look = std::min(shutdown_limit, kShutdownLook);
  const Deadlines::Scope deadline(context_.services->deadlines, look, [&, waited = 0ms]() mutable {
    waited += look;
    if (!over(waited)) return true;
    spdk::DetachAttempt::interrupt(*watch_);
    return false;
  });
  spdk::DetachAttempt attempt(controller_);
  const Backoff backoff;
  while (!attempt.poll()) {
    if (over(std::chrono::duration_cast<std::chrono::milliseconds>(backoff.elapsed())))
      attempt.stop_waiting();
    backoff.pause();
  }
  controller_ = nullptr;
}

}  // namespace spdk_nvme
