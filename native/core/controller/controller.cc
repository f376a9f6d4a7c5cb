#include "native/core/controller/controller.h"

#include <cerrno>
#include <utility>

#include "native/core/connection/hidden_namespaces.h"
#include "native/spdk/controller_type.h"
#include "native/spdk/namespaces.h"

namespace spdk_nvme {

namespace {

/**
 * How often the admin queue is looked at: for keep-alives, asynchronous events, and a connection that broke.
 */
constexpr std::chrono::milliseconds kAdminInterval{10};
/** The same while admin commands are outstanding. */
constexpr std::chrono::microseconds kAdminIntervalWhenBusy{50};

/** Tells the controllers of this process apart; 0 is none. */
std::atomic<uint64_t> g_last_id{0};

/** NVMe base specification, "Changed Namespace List": up to 1024 namespace ids. */
constexpr uint32_t kChangedNamespacesBytes = 4096;
/** "Discovery Log Page Change", a notice. */
constexpr uint32_t kDiscoveryLogChanged = 0xf0;

}  // namespace

std::shared_ptr<Controller> Controller::start(std::shared_ptr<ControllerServices> services, Request request,
                                              ControllerEvents events) {
  std::shared_ptr<Controller> controller(
      new Controller(std::move(services), std::move(request), std::move(events)));
  // The thread keeps the controller alive: SPDK may still be inside it when everybody else has let go.
  controller->thread_ = std::make_unique<OwnedThread>("spdk-control", [controller] { controller->run(); });
  return controller;
}

// One slot of the linger lock for each poller, one for the control thread, one for the JavaScript thread.
Controller::Controller(std::shared_ptr<ControllerServices> services, Request request, ControllerEvents events)
    : services_(std::move(services)),
      request_(std::move(request)),
      history_(std::make_shared<History>(++g_last_id, request_.transport_id.subnqn)),
      events_(std::move(events), history_),
      linger_(std::make_shared<LingerLock>(services_->pollers.size() + 2)),
      io_stats_(std::make_shared<IoStats>(services_->pollers.size() + 2)),
      reconnect_(request_.reconnect) {
  history_->add(HistoryEvent::Kind::state, to_string(ControllerState::attaching));
}

void Controller::give_up_attach() {
  attach_given_up_.store(true, std::memory_order_release);
  mailbox_.post([] {});
}

void Controller::detach(DetachSettings settings, std::function<void(const DetachReport&)> done) {
  leaving_.store(true, std::memory_order_release);
  const auto patience = answer_limit(settings.timeout);
  auto least = detach_patience_.load(std::memory_order_acquire);
  while (patience < least && !detach_patience_.compare_exchange_weak(least, patience)) {
  }
  // Of a reconnect that is under way; what is connected is left alone.
  connection_watch_.break_all_tries();
  mailbox_.post([this, settings, done = std::move(done)]() mutable {
    if (!detach_requested_.exchange(true)) detach_settings_ = settings;
    detach_waiters_.push_back(std::move(done));
  });
}

void Controller::wedge() {
  enter(ControllerState::wedged);
}

void Controller::run() {
  // This thread works for no other controller, so all that it has SPDK log is about this one.
  const LogScope scope(history_.get());
  const Status attached = attach();
  if (!attached.ok()) give_back_id();
  const ControllerState outcome = attached.ok() ? ControllerState::attached : ControllerState::detached;
  if (life_.advance(outcome)) history_->add(HistoryEvent::Kind::state, to_string(outcome));
  // The first that is told of it, and all that is told of this state: only now its owner has a controller.
  events_.attached(attached);
  if (attached.ok()) {
    serve();
    detach_now();
  }
  events_.close();
  end_abandoned_connect();
  distinct_id_.reset();
}

void Controller::serve() {
  while (!detach_requested_.load(std::memory_order_acquire) &&
         !attach_given_up_.load(std::memory_order_acquire)) {
    const bool posted = mailbox_.run();
    const bool completed = poll_admin();
    watch_alive();
    follow_namespaces();
    if (reset_wanted_) reset_now();
    if (state() == ControllerState::failed) let_go();
    if (!posted && !completed)
      mailbox_.sleep(admin_commands_.busy() ? kAdminIntervalWhenBusy : kAdminInterval);
  }
}

/**
 * Nothing is kept of the connection of a failed controller, so that outstanding I/O ends now: a queue pair
 * that only waits for answers would not notice by itself, and its commands would wait for a detach. What
 * JavaScript submits before it has heard of the failure is answered too.
 */
void Controller::let_go() {
  if (controller_ != nullptr) end_connection(true);
  answer_io(ENXIO);
}

void Controller::admin(AdminCommand command) {
  mailbox_.post([this, command = std::move(command)]() mutable {
    if (has_lost_connection() || detach_requested_.load(std::memory_order_acquire)) {
      command.refuse();
    } else {
      admin_commands_.add(std::move(command));
    }
  });
}

bool Controller::has_lost_connection() const {
  return admin_failed_ || controller_ == nullptr;
}

/** Takes over what the controller reported of its namespaces since the last call. */
void Controller::follow_namespaces() {
  if (has_lost_connection()) return;
  if (namespaces_stale_) {
    namespaces_stale_ = false;
    refresh_namespaces();
    if (!spdk::reads_changed_namespaces()) read_changed_namespaces();
  }
  if (changed_namespaces_read_) {
    changed_namespaces_read_ = false;
    if (wait_for_controller([this] { spdk::identify_namespaces_again(controller_); })) refresh_namespaces();
  }
}

/** Without this the controller reports no further change. */
void Controller::read_changed_namespaces() {
  AdminCommand command;
  command.opcode = SPDK_NVME_OPC_GET_LOG_PAGE;
  command.namespace_id = SPDK_NVME_GLOBAL_NS_TAG;
  command.cdw[0] = SPDK_NVME_LOG_CHANGED_NS_LIST | (kChangedNamespacesBytes / 4 - 1) << 16;
  command.data.resize(kChangedNamespacesBytes);
  command.done = [this](const AdminAnswer& answer) { changed_namespaces_read_ = answer.status.ok(); };
  admin_commands_.add(std::move(command));
}

void Controller::refresh_namespaces() {
  description_.read_namespaces(controller_);
  give_namespaces_to_rings();
  events_.namespaces_changed();
  look_for_hidden_namespaces();
}

/** Goes on in the background: nobody waits for the answer. */
void Controller::look_for_hidden_namespaces() {
  const ControllerInfo& info = description_.latest_info();
  if (!may_hide_namespaces(info)) return;
  admin_commands_.add(list_hidden_namespaces(info, [this](std::vector<uint32_t> ids) {
    if (!ids.empty() && description_.differs(ids)) {
      events_.note(HistoryEvent::Kind::note,
                   describe_hidden_namespaces(ids, description_.latest_info().max_namespaces));
    }
    if (description_.set_hidden_namespaces(std::move(ids))) events_.namespaces_changed();
  }));
}

/** They send commands to these namespaces from now on. */
void Controller::give_namespaces_to_rings() {
  for (const QueuePair& pair : queue_pairs_) pair.ring->set_namespaces(description_.namespace_table());
}

void Controller::watch_log() {
  mailbox_.post([this] {
    if (!has_lost_connection() && !spdk::requests_events(controller_)) request_event();
  });
}

/** The controller completes it with its next event, or when the connection ends. */
void Controller::request_event() {
  AdminCommand command;
  command.opcode = SPDK_NVME_OPC_ASYNC_EVENT_REQUEST;
  command.awaited = false;
  command.done = [this](const AdminAnswer& answer) {
    if (!answer.status.ok()) return;
    on_event(answer.cdw0);
    request_event();
  };
  admin_commands_.add(std::move(command));
}

void Controller::on_async_event(void* self, const spdk_nvme_cpl* completion) {
  if (!spdk_nvme_cpl_is_error(completion)) static_cast<Controller*>(self)->on_event(completion->cdw0);
}

/** NVMe base specification, "Asynchronous Event Request": SPDK has updated its namespaces before it calls. */
void Controller::on_event(uint32_t raw) {
  spdk_nvme_async_event_completion event{};
  event.raw = raw;
  if (event.bits.async_event_type != SPDK_NVME_ASYNC_EVENT_TYPE_NOTICE) return;
  if (event.bits.async_event_info == SPDK_NVME_ASYNC_EVENT_NS_ATTR_CHANGED) namespaces_stale_ = true;
  if (event.bits.async_event_info == kDiscoveryLogChanged) events_.log_changed();
}

uint64_t Controller::pending() const {
  uint64_t total = 0;
  for (const QueuePair& pair : queue_pairs_) total += pair.ring->pending();
  return total;
}

/** Whether I/O that loses its connection waits for the next one. */
void Controller::hold_io(bool holding) {
  for (const QueuePair& pair : queue_pairs_) pair.ring->hold(holding);
}

/** Answers all I/O that no queue pair has: with this errno, or as aborted for 0. */
void Controller::answer_io(int error_number) {
  for (const QueuePair& pair : queue_pairs_) {
    pair.ring->answer_rest(error_number);
    pair.ring->notify();
  }
}

void Controller::enter(ControllerState state) {
  if (life_.advance(state)) events_.state_changed(state);
}

void Controller::fail(const Status& why) {
  if (state() != ControllerState::attached) return;  // a detach or a reset deals with it already
  if (reconnect_.enabled()) {
    if (!std::exchange(reset_wanted_, true)) reset_cause_ = why;
    return;
  }
  if (life_.advance(ControllerState::failed)) events_.failed(why);
}

}  // namespace spdk_nvme
