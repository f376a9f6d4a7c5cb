// How a controller is attached. Control thread only; see controller.h.

#include <algorithm>
#include <cerrno>
#include <string>
#include <thread>
#include <utility>

#include "native/core/connection/address_check.h"
#include "native/core/connection/connect_status.h"
#include "native/core/connection/rdma_devices.h"
#include "native/core/controller/controller.h"
#include "native/spdk/env.h"
#include "native/spdk/interpose/close_on_exec.h"
#include "native/spdk/source_address.h"

namespace spdk_nvme {

namespace {

using namespace std::chrono_literals;

/**
 * Initialising a controller takes a dozen commands, one after the other, and a sleep after each poll would
 * add to every one of them: so for this long the thread does not sleep.
 */
constexpr auto kEagerTime = 100ms;
/** Later the pause between polls is this part of the time that it has taken, up to a limit: old releases
 * log an error with every poll of a controller that died at the wrong moment, for half a minute. */
constexpr int kPausePart = 500;
constexpr std::chrono::microseconds kLongestPause{20'000};
/** Between polls of a connect that nobody waits for: each logs an error. */
constexpr auto kAbandonedPause = 250ms;
/** After so many SPDK has noticed that the connections are broken. */
constexpr int kPollsInVain = 20;
/** An address that has not answered by then is unreachable, as it is to SPDK's RDMA transport. A caller with
 * a shorter deadline gives the attach up before. */
constexpr auto kAddressLimit = 2s;
/** How often a waiting attach looks whether somebody still waits for it. */
constexpr auto kGateInterval = 50ms;
/** SPDK itself ends most connects in time, and more gently. */
constexpr auto kGrace = 1s;
/** A connection manager event that takes more than a second is a failure to many releases of SPDK; to us it is
 * a try. */
constexpr int kConnectTries = 2;
constexpr auto kRetryPause = 50ms;

/** Whether SPDK gave up waiting for a connection manager event, which it reports with this errno. */
bool was_slow(const Status& status) {
  return status.error_number == EADDRNOTAVAIL;
}

/** What a check of the address is remembered by. */
std::string address_key(const Controller::Request& request) {
  const auto& id = request.transport_id;
  return std::string(id.trstring) + ' ' + id.traddr + ' ' + id.trsvcid + ' ' + request.connect.source_address;
}

}  // namespace

Status Controller::attach() {
  distinct_id_ = std::make_unique<spdk::DistinctId>(request_.transport_id);
  if (!distinct_id_->granted()) {
    return Status::failure(
        "ERR_SPDK_UNSUPPORTED",
        "SPDK cannot tell so many controllers of one subsystem at one address apart; detach one first");
  }
  Status status = establish();
  if (!status.ok()) return status;
  start_serving();
  return status;
}

/** Makes the connection, unless nobody waits for it any more. */
Status Controller::establish() {
  const bool tcp = request_.transport_id.trtype == SPDK_NVME_TRANSPORT_TCP;
  if (tcp && !request_.connect.source_address.empty() && !spdk::binds_tcp_source_address()) {
    return Status::failure("ERR_SPDK_UNSUPPORTED", std::string(spdk::version_string()) +
                                                       " leaves sourceAddress aside over TCP; " +
                                                       spdk::kFirstWithTcpSourceAddress + " does not");
  }
  if (Status present = check_reachable(); !present.ok()) return present;
  while (!(in_connect_gate_ = services_->connect_gate.enter(kGateInterval))) {
    if (nobody_waits()) {
      return Status::failure("ERR_SPDK_ABORTED", "the connection was given up before it began");
    }
  }
  const auto deadline = Clock::now() + timeout();
  Status status = connect();
  // Somebody answers at the address, see check_reachable(): a busy target was only slower than SPDK allows.
  for (int tries = 1; tries < kConnectTries && was_slow(status); tries++) {
    if (Clock::now() >= deadline || nobody_waits()) break;
    std::this_thread::sleep_for(kRetryPause);
    // That answer may be a remembered one.
    services_->recent_answers.forget(address_key(request_));
    if (Status present = check_reachable(); !present.ok()) {
      status = std::move(present);
      break;
    }
    events_.note(HistoryEvent::Kind::retry, "connecting once more: " + status.message, status.code);
    status = connect();
  }
  leave_connect_gate();
  if (!status.ok()) services_->recent_answers.forget(address_key(request_));
  return status;
}

/** Asked while a connect waits; I/O that waits for it as well may have waited long enough. */
bool Controller::nobody_waits() {
  fail_fast_if_due();
  return attach_given_up_.load(std::memory_order_acquire) || leaving_.load(std::memory_order_acquire);
}

/**
 * Whether a detach goes on without a connect that has not ended. When the environment ends nobody is left to
 * poll it any further: then only where SPDK may not end it for long.
 */
bool Controller::may_abandon_connect() const {
  if (!leaving_.load(std::memory_order_acquire)) return false;
  return spdk::ConnectAttempt::may_outlast_its_connections() ||
         !attach_given_up_.load(std::memory_order_acquire);
}

/** Hands a connection that is made to those who poll it. */
void Controller::start_serving() {
  connection_++;
  hold_io(reconnect_.enabled());
  admin_failed_ = false;
  keep_alive_.begin(Clock::now());
  spdk_nvme_ctrlr_register_aer_callback(controller_, on_async_event, this);
  for (size_t i = 0; i < sets_.size(); i++) {
    const auto& set = sets_[i];
    set->on_failure = [self = weak_from_this(), connection = connection_] {
      const auto controller = self.lock();
      if (!controller) return;
      controller->mailbox_.post([controller = controller.get(), connection] {
        if (connection != controller->connection_) return;
        controller->fail(
            Status::failure("ERR_SPDK_CONTROLLER_FAILED", "the connection of an I/O queue pair is lost"));
      });
    };
    if (request_.inline_polling) {
      queue_pairs_[i].inline_set->replace(set);
    } else {
      services_->pollers[set->slot()]->add(set);
    }
  }
  if (!request_.discovery) look_for_hidden_namespaces();
}

/** An attach that was given up must not keep others waiting until SPDK has ended it. */
void Controller::leave_connect_gate() {
  if (std::exchange(in_connect_gate_, false)) services_->connect_gate.leave();
}

/** One try: the controller and its queue pairs, or neither. */
Status Controller::connect() {
  const ConnectMemory::Claim memory(services_->connect_memory);
  if (!memory.granted()) {
    return Status::failure("ERR_SPDK_NO_MEMORY", "no DMA memory is left for another connection", ENOMEM);
  }
  LogCollector log;
  // Nobody else knows the controller yet, but a connect that fails destroys its queue pairs in place.
  const ExclusiveLinger alone(*linger_);
  const spdk::NewDescriptors opened;
  const spdk::ConnectionWatch::Scope watched(connection_watch_);
  const spdk::SourceAddress source(request_.connect.source_address);
  const Deadlines::Scope deadline(services_->deadlines, timeout() + kGrace, [this] {
    connection_watch_.break_this_try();
    return false;
  });
  Status status = connect_controller(log);
  if (!status.ok()) return status;
  status = connect_queue_pairs(log);
  if (status.ok()) return status;
  for (const auto& set : sets_) set->abandon();
  sets_.clear();
  if (state() == ControllerState::attaching) queue_pairs_.clear();
  destroy_controller();
  return status;
}

/** Finds out what can be found out without SPDK, whose connects cannot be given up. */
Status Controller::check_reachable() {
  const std::string address = address_key(request_);
  if (services_->recent_answers.has(address)) return Status::success();
  if (request_.transport_id.trtype == SPDK_NVME_TRANSPORT_RDMA && !rdma_device_present()) {
    return Status::failure("ERR_SPDK_NO_RDMA_DEVICE", "this machine has no RDMA device");
  }
  Status status = check_address({.transport_id = request_.transport_id,
                                 .source_address = request_.connect.source_address,
                                 .deadline = Clock::now() + kAddressLimit,
                                 .given_up = [this] { return nobody_waits(); }});
  if (status.ok()) services_->recent_answers.add(address);
  return status;
}

Status Controller::connect_controller(LogCollector& log) {
  auto attempt = std::make_unique<spdk::ConnectAttempt>(distinct_id_->get(), request_.connect);
  // From here: old releases spend most of a connect in the constructor.
  const auto begun = Clock::now();
  int polls_in_vain = 0;
  auto progress = attempt->poll();
  while (progress == spdk::ConnectAttempt::Progress::pending) {
    const auto taken = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begun);
    if (taken > kEagerTime) {
      std::this_thread::sleep_for(std::min(taken / kPausePart, kLongestPause));
    } else {
      spdk::ConnectAttempt::yield();
    }
    if (nobody_waits()) leave_connect_gate();
    // SPDK may go on trying, with a broken connection too. A detach must not wait for that.
    if (may_abandon_connect() && ++polls_in_vain > kPollsInVain) {
      abandoned_ = std::move(attempt);
      return Status::failure("ERR_SPDK_ABORTED", "a detach has ended the connection that was being made");
    }
    progress = attempt->poll();
  }
  if (progress != spdk::ConnectAttempt::Progress::connected) return attach_failure(log);

  controller_ = attempt->controller();
  description_.read(controller_,
                    {.io_queues = std::min(attempt->granted_io_queues(), request_.connect.io_queues),
                     .queue_depth = std::min(attempt->granted_queue_depth(), request_.connect.queue_depth)});
  return Status::success();
}

/**
 * A connect that a detach did not wait for, after its answer: SPDK lets go of what it holds for it, its CM
 * channel among them, only when it has been polled to its end, which can take old releases half a minute. Ends
 * sooner with the environment.
 */
void Controller::end_abandoned_connect() {
  if (abandoned_ == nullptr) return;
  const ExclusiveLinger alone(*linger_);
  const spdk::ConnectionWatch::Scope watched(connection_watch_);
  while (abandoned_->poll() == spdk::ConnectAttempt::Progress::pending) {
    if (attach_given_up_.load(std::memory_order_acquire)) return;
    mailbox_.sleep(kAbandonedPause);
    mailbox_.run();
  }
  controller_ = abandoned_->controller();
  destroy_controller();
}

/** As soon as SPDK holds nothing under it any more: whoever hears of the end may attach again at once. */
void Controller::give_back_id() {
  if (abandoned_ == nullptr) distinct_id_.reset();
}

/** Says why, as far as SPDK's log does. */
Status Controller::attach_failure(const LogCollector& log) const {
  if (connection_watch_.try_broken()) {
    return Status::failure("ERR_SPDK_TIMEOUT", "the target answered nothing for too long while connecting");
  }
  return connect_status(log.lines());
}

}  // namespace spdk_nvme
