// Longer than other files: one connect, from the checks without SPDK to the queue pairs, whose steps share the same members.

#include "native/core/connection/connector.h"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "native/core/base/backoff.h"
#include "native/core/base/elapsed.h"
#include "native/core/connection/address_check.h"
#include "native/core/connection/connect_status.h"
#include "native/core/connection/descriptors.h"
#include "native/core/connection/rdma_devices.h"
#include "native/spdk/controller_type.h"
#include "native/spdk/env.h"
#include "native/spdk/interpose/close_on_exec.h"
#include "native/spdk/source_address.h"

namespace spdk_nvme {

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

/**
 * Initialising a controller takes a dozen commands, one after the other, and a sleep after each poll would
 * add to every one of them: so for this long the thread does not sleep. Later it backs off: old releases log an
 * error with every poll of a controller that died at the wrong moment, for half a minute.
 */
constexpr auto kEagerTime = 100ms;
/** After this many polls SPDK has noticed that its connections are disconnected. */
constexpr int kPollsInVain = 20;
/**
 * An address that has not responded by then is unreachable, as for SPDK's RDMA transport. A caller with a shorter
 * deadline cancels the attach earlier.
 */
constexpr auto kAddressLimit = 2s;
/** How often a connect that waits at the gate checks whether it was cancelled. */
constexpr auto kGateInterval = 50ms;
/** How often I/O that waits for the connection is looked after while SPDK connects. */
constexpr auto kWaitingInterval = 10ms;
/** SPDK itself ends most connects in time, and more gently. */
constexpr auto kGrace = 1s;
/**
 * Many releases of SPDK fail a connect when a connection manager event takes more than a second, or the first
 * response over TCP more than two. Such a connect is repeated.
 */
constexpr int kConnectAttempts = 2;
constexpr auto kRetryPause = 50ms;

/** Whether SPDK stopped waiting for a connection manager event, or for the first response over TCP. */
bool was_slow(const Status& status) {
  return status.error_number == EADDRNOTAVAIL || status.error_number == ETIMEDOUT;
}

/** The key under which the result of an address check is kept. */
std::string address_key(const ConnectRequest& request) {
  const auto& id = request.transport_id;
  return std::string(id.trstring) + ' ' + id.traddr + ' ' + id.trsvcid + ' ' + request.connect.source_address;
}

/** Says why a connect failed, as far as SPDK's log does. */
Status connect_failure(const spdk::ConnectionWatch& watch, const LogCollector& log,
                       const ConnectRequest& request) {
  if (watch.attempt_disconnected()) {
    return Status::failure("ERR_SPDK_TIMEOUT", "the target did not respond for too long while connecting");
  }
  // SPDK does not report this, and an address that has just passed the check is not checked again, see check_reachable().
  if (Status opens = check_one_descriptor(); !opens.ok()) return opens;
  return connect_status(log.lines(), {request.transport_id.subnqn, request.connect.host_nqn},
                        {.encrypted = request.connect.keys.tls_psk != nullptr,
                         .target_responded = watch.target_has_responded(),
                         .target_ended = watch.target_has_ended()});
}

}  // namespace

/** Lets cancel() reach the connections of an attempt, while it lives. */
class Connector::CurrentWatch {
 public:
  CurrentWatch(Connector& owner, spdk::ConnectionWatch& watch) : owner_(owner) {
    const std::lock_guard<std::mutex> guard(owner_.mutex_);
    owner_.current_watch_ = &watch;
    if (owner_.cancelled_) watch.disconnect_attempts();
  }
  ~CurrentWatch() {
    const std::lock_guard<std::mutex> guard(owner_.mutex_);
    owner_.current_watch_ = nullptr;
  }
  CurrentWatch(const CurrentWatch&) = delete;
  CurrentWatch& operator=(const CurrentWatch&) = delete;

 private:
  Connector& owner_;
};

void Connector::cancel() {
  const std::lock_guard<std::mutex> guard(mutex_);
  cancelled_ = true;
  if (current_watch_ != nullptr) current_watch_->disconnect_attempts();
}

void Connector::forget_address() {
  context_.services->reachable_addresses.forget(address_key(request_));
}

/** Called again and again while a connect waits. Whether it is to stop. */
bool Connector::stopped() {
  while_waiting_();
  return stop_.at_least(StopRequest::Level::detach);
}

/** Whether to stop waiting for SPDK's end of the attempt. Once true it stays so. */
bool Connector::may_abandon(OnDetach on_detach) const {
  return stop_.at_least(on_detach == OnDetach::abandon ? StopRequest::Level::detach
                                                       : StopRequest::Level::abandon);
}

Status Connector::connect(std::shared_ptr<Connection>& made, OnDetach on_detach) {
  if (distinct_id_ == nullptr) distinct_id_ = std::make_unique<spdk::DistinctId>(request_.transport_id);
  if (!distinct_id_->granted()) {
    return Status::failure(
        "ERR_SPDK_UNSUPPORTED",
        "SPDK cannot distinguish this many controllers of one subsystem at one address; detach one first");
  }
  if (const auto why = spdk::unsupported_setting(request_.transport_id, request_.connect); !why.empty()) {
    return Status::failure("ERR_SPDK_UNSUPPORTED", why);
  }
  if (Status present = check_reachable(); !present.ok()) return present;
  while (!(in_gate_ = context_.services->connect_gate.enter(kGateInterval))) {
    if (stopped()) {
      return Status::failure("ERR_SPDK_ABORTED", "the connection was cancelled before it began");
    }
  }
  Status status = connect_through_gate(made, on_detach);
  leave_gate();
  if (!status.ok()) context_.services->reachable_addresses.forget(address_key(request_));
  return status;
}

/** The checks that need no SPDK, whose connects cannot be cancelled. */
Status Connector::check_reachable() {
  const PhaseTimer timer(phases_.address_ms);
  ReachableAddresses& reachable_addresses = context_.services->reachable_addresses;
  const std::string address = address_key(request_);
  if (reachable_addresses.has(address)) return Status::success();
  if (request_.transport_id.trtype == SPDK_NVME_TRANSPORT_RDMA && !rdma_device_present()) {
    return Status::failure("ERR_SPDK_NO_RDMA_DEVICE", "this machine has no RDMA device");
  }
  Status status = check_address({.transport_id = request_.transport_id,
                                 .source_address = request_.connect.source_address,
                                 .deadline = Clock::now() + kAddressLimit,
                                 .cancelled = [this] { return stopped(); }});
  if (status.ok()) reachable_addresses.add(address);
  return status;
}

Status Connector::connect_through_gate(std::shared_ptr<Connection>& made, OnDetach on_detach) {
  const auto deadline = Clock::now() + timeout();
  Status status = connect_once(made, on_detach);
  // The address responds, see check_reachable(): a busy target was only slower than SPDK allows.
  for (int attempts = 1; attempts < kConnectAttempts && was_slow(status); attempts++) {
    if (Clock::now() >= deadline || stopped()) break;
    std::this_thread::sleep_for(kRetryPause);
    // The check may have been skipped.
    context_.services->reachable_addresses.forget(address_key(request_));
    if (Status present = check_reachable(); !present.ok()) return present;
    context_.history->add(HistoryEvent::Kind::retry, "connecting once more: " + status.message, status.code);
    status = connect_once(made, on_detach);
  }
  return status;
}

/** An attach that was cancelled must not keep others waiting until SPDK has ended it. */
void Connector::leave_gate() {
  if (std::exchange(in_gate_, false)) context_.services->connect_gate.leave();
}

/** Makes one attempt: connects the controller and its queue pairs, or neither. */
Status Connector::connect_once(std::shared_ptr<Connection>& made, OnDetach on_detach) {
  const ConnectMemory::Claim memory(context_.services->connect_memory);
  if (!memory.granted()) {
    return Status::failure("ERR_SPDK_NO_MEMORY", "no DMA memory is left for another connection", ENOMEM);
  }
  const auto watch = std::make_shared<spdk::ConnectionWatch>();
  LogCollector log;
  // No other thread uses the controller yet, but a connect that fails destroys its queue pairs in place.
  const LingerLock::ExclusiveGuard alone(*context_.linger);
  const spdk::NewDescriptors opened;
  const CurrentWatch current(*this, *watch);
  const spdk::ConnectionWatch::Scope watched(*watch);
  const spdk::SourceAddress source(request_.connect.source_address);
  const Deadlines::Scope deadline(context_.services->deadlines, timeout() + kGrace, [&watch] {
    watch->disconnect_attempt();
    return false;
  });
  Attempt attempt;
  attempt.watch = watch;
  Status status;
  {
    const PhaseTimer timer(phases_.controller_ms);
    // SPDK may not return for seconds. Nothing else uses the rings until the queue pairs are connected.
    const Deadlines::Scope waiting(context_.services->deadlines, kWaitingInterval, [this] {
      while_waiting_();
      return true;
    });
    attempt.call = std::make_unique<spdk::ConnectAttempt>(distinct_id_->get(), request_.connect);
    status = connect_controller(attempt, on_detach, log);
  }
  if (!status.ok()) return status;
  const auto& settings = request_.connect;
  const Connection::Granted granted{
      .io_queues = std::min(attempt.call->granted_io_queues(), settings.io_queues),
      .queue_depth = std::min(attempt.call->granted_queue_depth(), settings.queue_depth),
      .keep_alive = std::chrono::milliseconds(attempt.call->granted_keep_alive_ms())};
  auto connection =
      std::make_shared<Connection>(context_, attempt.call->controller(), granted, settings, watch, stop_);
  const bool first = io_.queue_pairs().empty();
  status = connect_queue_pairs(*connection, *watch, log, alone);
  if (status.ok()) {
    made = std::move(connection);
  } else {
    connection->destroy_unserved(alone);
    if (first) io_.discard();
  }
  return status;
}

Status Connector::connect_controller(Attempt& attempt, OnDetach on_detach, const LogCollector& log) {
  using Progress = spdk::ConnectAttempt::Progress;
  // Measured from here: old releases spend most of a connect in the attempt's constructor.
  const Backoff backoff;
  int polls_in_vain = 0;
  auto progress = attempt.call->poll();
  while (progress == Progress::pending) {
    if (backoff.elapsed() > kEagerTime) {
      backoff.pause();
    } else {
      spdk::ConnectAttempt::yield();
    }
    if (stop_.at_least(StopRequest::Level::detach)) leave_gate();
    if (may_abandon(on_detach)) {
      // A cancel() may come later than the request, and does not reach what is abandoned.
      if (polls_in_vain == 0) attempt.watch->disconnect_attempts();
      if (++polls_in_vain > kPollsInVain) {
        abandoned_ = std::move(attempt);
        return Status::failure("ERR_SPDK_ABORTED", "a detach cancelled the connection attempt");
      }
    }
    progress = attempt.call->poll();
  }
  if (progress == Progress::connected) return Status::success();
  return connect_failure(*attempt.watch, log, request_);
}

/** Connects a queue pair for each ring, which the first connection makes. */
Status Connector::connect_queue_pairs(Connection& connection, const spdk::ConnectionWatch& watch,
                                      const LogCollector& log, const LingerLock::ExclusiveGuard& held) {
  const PhaseTimer timer(phases_.queue_pairs_ms);
  const auto type = spdk::controller_type(connection.controller());
  if (request_.discovery) {
    if (type == spdk::ControllerType::discovery) return Status::success();
    return Status::failure("ERR_SPDK_NOT_DISCOVERY_CONTROLLER", "this is not a discovery controller");
  }
  if (type != spdk::ControllerType::io) {
    const bool discovers = type == spdk::ControllerType::discovery;
    return Status::failure("ERR_SPDK_NOT_IO_CONTROLLER",
                           std::string("this is ") + (discovers ? "a discovery" : "an administrative") +
                               " controller, which has no I/O queues and no namespaces");
  }
  const Connection::Granted& granted = connection.granted();
  if (granted.io_queues == 0) {
    return Status::failure("ERR_SPDK_NO_IO_QUEUES", "the controller grants no I/O queue");
  }
  if (io_.queue_pairs().empty()) io_.make(granted.io_queues, granted.queue_depth);
  if (granted.io_queues < io_.queue_pairs().size()) {
    return Status::failure("ERR_SPDK_NO_IO_QUEUES", "the controller grants fewer I/O queues than before");
  }
  if (connection.connect_queue_pairs(io_, Clock::now() + timeout(), held)) return Status::success();
  if (stop_.at_least(StopRequest::Level::detach)) {
    return Status::failure("ERR_SPDK_ABORTED",
                           "the connection was cancelled while its queue pairs connected");
  }
  return connect_failure(watch, log, request_);
}

void Connector::destroy_abandoned(const std::function<void(std::chrono::microseconds)>& pause) {
  if (abandoned_.call == nullptr) return;
  const LingerLock::ExclusiveGuard alone(*context_.linger);
  const spdk::ConnectionWatch::Scope watched(*abandoned_.watch);
  std::optional<Clock::time_point> last;
  while (abandoned_.call->poll() == spdk::ConnectAttempt::Progress::pending) {
    if (!last && stop_.at_least(StopRequest::Level::abandon)) {
      last = Clock::now() + std::min(spdk::ConnectAttempt::last_polls(), stop_.patience());
    }
    if (last && Clock::now() >= *last) return distinct_id_.reset();
    pause(spdk::ConnectAttempt::abandoned_pause());
  }
  if (auto* const controller = abandoned_.call->controller(); controller != nullptr) {
    Connection(context_, controller, {}, request_.connect, abandoned_.watch, stop_).destroy_unserved(alone);
  }
  abandoned_.call.reset();
  release_id();
}

void Connector::release_id() {
  if (abandoned_.call == nullptr) distinct_id_.reset();
}

}  // namespace spdk_nvme
