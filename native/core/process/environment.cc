#include "native/core/process/environment.h"

#include <algorithm>
#include <utility>

#include "native/core/diagnostics/thread_stack.h"
#include "native/core/process/exit_guard.h"

namespace spdk_nvme {

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

/** The time that a poller needs to leave its loop unless SPDK blocks it. */
constexpr auto kPollerStop = 200ms;
/** The time for collecting the stacks of the threads of one controller. */
constexpr auto kStackPatience = 100ms;

std::chrono::milliseconds until(Clock::time_point deadline) {
  return std::max(0ms, std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()));
}

/**
 * Whether both are for the same address as the same host from the same source address, as in the kernel's
 * initiator. Connections to a discovery service share nothing that a second one could disturb.
 */
bool same_controller(const Controller::Request& one, const Controller::Request& other) {
  if (one.discovery && other.discovery) return false;
  return spdk_nvme_transport_id_compare(&one.transport_id, &other.transport_id) == 0 &&
         one.connect.host_nqn == other.connect.host_nqn &&
         std::ranges::equal(one.connect.host_id, other.connect.host_id) &&
         one.connect.source_address == other.connect.source_address;
}

}  // namespace

Status Environment::open(const EnvironmentSettings& settings, int log_level, Log::Listener log,
                         std::shared_ptr<Environment>& environment) {
  const OpeningScope opening;
  bool listening = false;
  Status status = SpdkRuntime::acquire(settings.runtime, [&] {
    Log::listen(std::move(log), log_level);
    listening = true;
  });
  if (!status.ok()) {
    if (listening) Log::listen(nullptr, 0);
    return status;
  }
  prepare_thread_stacks();
  try {
    environment.reset(new Environment(settings));
  } catch (const std::system_error& error) {
    Log::listen(nullptr, 0);
    SpdkRuntime::release();
    return no_threads(error);
  }
  close_at_exit(environment);
  return status;
}

Environment::Environment(const EnvironmentSettings& settings)
    : services_(std::make_shared<ControllerServices>(settings.connect_concurrency)) {
  for (size_t i = 0; i < settings.pollers; i++) {
    services_->pollers.push_back(std::make_unique<Poller>(i, settings.poller));
  }
}

Environment::~Environment() {
  close(0ms);
}

Status Environment::attach(Controller::Request request, ControllerEvents events,
                           std::shared_ptr<Controller>& controller) {
  reap();
  const std::lock_guard<std::mutex> guard(mutex_);
  if (closed_) return Status::failure("ERR_SPDK_ENV_CLOSED", "the environment is closed");
  for (const auto& other : controllers_) {
    if (!same_controller(other->request(), request)) continue;
    switch (other->state()) {
      case ControllerState::detached:
        continue;
      case ControllerState::attaching:
        if (other->stopping()) {
          return Status::failure(
              "ERR_SPDK_DETACHING",
              "a cancelled attach of this controller has not ended in SPDK yet; try again later");
        }
        [[fallthrough]];
      case ControllerState::attached:
      case ControllerState::failed:
      case ControllerState::resetting:
        return Status::failure("ERR_SPDK_ALREADY_ATTACHED",
                               "this controller is already attached or being attached");
      case ControllerState::wedged:
        return Status::failure("ERR_SPDK_WEDGED",
                               "an earlier detach of this controller has not returned from SPDK");
      case ControllerState::draining:
      case ControllerState::disconnecting:
      case ControllerState::lingering:
        return Status::failure("ERR_SPDK_DETACHING",
                               "this controller is being detached; wait for its detach() first");
    }
  }
  try {
    controller = Controller::start(services_, std::move(request), std::move(events));
  } catch (const std::system_error& error) {
    return no_threads(error);
  }
  controllers_.push_back(controller);
  return Status::success();
}

std::vector<PollerStats> Environment::poller_stats() const {
  std::vector<PollerStats> all;
  for (const auto& poller : services_->pollers) all.push_back(poller->stats());
  return all;
}

void Environment::reap() {
  const std::lock_guard<std::mutex> guard(mutex_);
  std::erase_if(controllers_, [](const auto& controller) {
    return controller->finished() && controller->join_for(kPollerStop);
  });
}

bool Environment::close(std::chrono::milliseconds limit, std::string* held_by) {
  {
    std::unique_lock<std::mutex> guard(mutex_);
    if (std::exchange(closed_, true)) {
      ended_.wait_for(guard, limit, [this] { return clean_.has_value(); });
      return clean_.value_or(false);
    }
  }
  services_->memory->keep_dropped(true);
  const bool clean = end_all(limit, held_by);
  if (clean) services_->memory->keep_dropped(false);
  SpdkRuntime::release();
  const std::lock_guard<std::mutex> guard(mutex_);
  clean_ = clean;
  ended_.notify_all();
  return clean;
}

bool Environment::end_all(std::chrono::milliseconds limit, std::string* held_by) {
  std::vector<std::shared_ptr<Controller>> controllers;
  {
    const std::lock_guard<std::mutex> guard(mutex_);
    controllers.swap(controllers_);
  }
  const auto deadline = Clock::now() + limit;
  for (const auto& controller : controllers) {
    // In this order, so that the control thread finds the settings of this detach once it sees the request.
    controller->detach({.drain = 0ms, .timeout = limit}, [](const DetachReport&) {});
    controller->abandon();
  }
  bool clean = true;
  for (const auto& controller : controllers) {
    // A wedged one has used its time and may never end.
    const bool wedged = controller->state() == ControllerState::wedged;
    if (controller->join_for(wedged ? 0ms : until(deadline))) continue;
    if (held_by != nullptr) *held_by += controller->stacks(kStackPatience);
    controller->wedge();
    clean = false;
  }
  // One limit for all of them, and a short one if SPDK may block several together with a controller.
  const auto shortly = Clock::now() + kPollerStop;
  const auto last = clean ? std::max(deadline, shortly) : shortly;
  for (const auto& poller : services_->pollers) poller->stop();
  for (const auto& poller : services_->pollers) clean &= poller->join_for(until(last));
  // JavaScript may keep controllers, and so what they share, for a long time.
  if (clean) services_->deadlines.stop();
  Log::listen(nullptr, 0);
  return clean;
}

}  // namespace spdk_nvme
