#include "native/core/process/environment.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "native/core/base/elapsed.h"
#include "native/core/diagnostics/thread_stack.h"
#include "native/core/process/exit_guard.h"

namespace spdk_nvme {

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

/** The time that a poller needs to leave its loop unless SPDK blocks it. */
constexpr auto kPollerStop = 200ms;
/** The time that a control thread needs to end when it does nothing. */
constexpr auto kIdleStop = 20ms;
/** The time for collecting the stacks of the threads of one controller. */
constexpr auto kStackPatience = 100ms;

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

/** The controllers of all environments. Never destroyed: an exit of the process closes environments. */
struct Known {
  /** Guards the list. Taken last. */
  std::mutex mutex;
  std::vector<std::weak_ptr<Controller>> controllers;
};

Known& known() {
  static auto* const instance = new Known();
  return *instance;
}

/** Whether a state leaves no room for another attach of the same controller. */
Status check_state(const Controller& other) {
  const ControllerState state = other.state();
  if (other.ends_unseen() && state != ControllerState::detached && state != ControllerState::wedged) {
    // EAGAIN: no other caller waits for its end, so this one may (lib/attaching.ts).
    return Status::failure(
        "ERR_SPDK_DETACHING",
        "an earlier attach of this controller, which was cancelled or whose environment was closed, has not "
        "ended in SPDK yet",
        EAGAIN);
  }
  switch (state) {
    case ControllerState::detached:
      return Status::success();
    case ControllerState::wedged:
      return Status::failure("ERR_SPDK_WEDGED",
                             "an earlier detach of this controller has not returned from SPDK");
    case ControllerState::attaching:
    case ControllerState::attached:
    case ControllerState::failed:
    case ControllerState::resetting:
      // The state follows when the control thread begins the detach.
      if (!other.leaving()) {
        return Status::failure("ERR_SPDK_ALREADY_ATTACHED",
                               "this process has attached this controller already, or is attaching it");
      }
      [[fallthrough]];
    case ControllerState::draining:
    case ControllerState::disconnecting:
    case ControllerState::lingering:
      return Status::failure("ERR_SPDK_DETACHING",
                             "this controller is being detached; wait for its detach() first");
  }
  return Status::success();
}

/** Holds: the mutex of known(). */
Status check_unused(const Controller::Request& request) {
  std::erase_if(known().controllers, [](const auto& one) { return one.expired(); });
  for (const auto& one : known().controllers) {
    const auto other = one.lock();
    if (other == nullptr || !same_controller(other->request(), request)) continue;
    if (Status free = check_state(*other); !free.ok()) return free;
  }
  return Status::success();
}

/** A controller that a closed environment has left behind prevents no other attach, even if SPDK still holds it. */
void forget(const std::vector<std::shared_ptr<Controller>>& controllers) {
  const std::lock_guard<std::mutex> guard(known().mutex);
  std::erase_if(known().controllers, [&controllers](const auto& one) {
    const auto other = one.lock();
    return other == nullptr || std::ranges::find(controllers, other) != controllers.end();
  });
}

/** Begins a detach that does not wait for what only JavaScript could end. */
void begin_detach(Controller& controller, std::chrono::milliseconds limit) {
  // In this order, so that the control thread finds the settings of this detach once it sees the request.
  controller.detach({.drain = 0ms, .timeout = limit}, [](const DetachReport&) {});
  controller.abandon();
}

}  // namespace

Status Environment::open(const EnvironmentSettings& settings, int log_level, Log::Listener log,
                         std::shared_ptr<Environment>& environment) {
  const OpeningScope opening;
  // The subscription begins here, so that it gets the lines of the start.
  auto subscription = std::make_unique<LogSubscription>(std::move(log), log_level);
  if (Status status = SpdkRuntime::ensure_started(settings.runtime); !status.ok()) return status;
  prepare_thread_stacks();
  try {
    environment.reset(new Environment(settings, std::move(subscription)));
  } catch (const std::system_error& error) {
    return no_threads(error);
  }
  close_at_exit(environment);
  return Status::success();
}

Environment::Environment(const EnvironmentSettings& settings, std::unique_ptr<LogSubscription> log)
    : log_(std::move(log)),
      services_(std::make_shared<ControllerServices>(settings.connect_concurrency, log_->id())),
      control_threads_([services = services_] { services->deadlines.rest(); }) {
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
  const std::lock_guard<std::mutex> known_guard(known().mutex);
  if (Status free = check_unused(request); !free.ok()) return free;
  try {
    controller = Controller::start(services_, control_threads_, std::move(request), std::move(events));
  } catch (const std::system_error& error) {
    return no_threads(error);
  }
  controllers_.push_back(controller);
  known().controllers.push_back(controller);
  return Status::success();
}

std::vector<PollerStats> Environment::poller_stats() const {
  std::vector<PollerStats> all;
  for (const auto& poller : services_->pollers) all.push_back(poller->stats());
  return all;
}

void Environment::reap() {
  const std::lock_guard<std::mutex> guard(mutex_);
  std::erase_if(controllers_, [](const auto& controller) { return controller->finished(); });
}

void Environment::begin_close(std::chrono::milliseconds limit) {
  const std::lock_guard<std::mutex> guard(mutex_);
  for (const auto& controller : controllers_) begin_detach(*controller, limit);
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
  const bool clean = detach_all(limit, held_by);
  if (clean) services_->memory->keep_dropped(false);
  const std::lock_guard<std::mutex> guard(mutex_);
  clean_ = clean;
  ended_.notify_all();
  return clean;
}

bool Environment::detach_all(std::chrono::milliseconds limit, std::string* held_by) {
  std::vector<std::shared_ptr<Controller>> controllers;
  {
    const std::lock_guard<std::mutex> guard(mutex_);
    controllers.swap(controllers_);
  }
  const auto deadline = Clock::now() + limit;
  for (const auto& controller : controllers) begin_detach(*controller, limit);
  bool clean = true;
  for (const auto& controller : controllers) {
    // A wedged one has used its time and may never end.
    const bool wedged = controller->state() == ControllerState::wedged;
    if (controller->wait_for_end(wedged ? 0ms : until(deadline))) continue;
    if (held_by != nullptr) *held_by += controller->stacks(kStackPatience);
    controller->wedge();
    clean = false;
  }
  // One limit for all of them, and a short one if SPDK may block several together with a controller.
  const auto shortly = Clock::now() + kPollerStop;
  const auto last = clean ? std::max(deadline, shortly) : shortly;
  for (const auto& poller : services_->pollers) poller->stop();
  clean &= control_threads_.join_for(clean ? until(last) : kIdleStop);
  for (const auto& poller : services_->pollers) clean &= poller->join_for(until(last));
  // JavaScript may keep controllers, and so what they share, for a long time.
  if (clean) {
    services_->deadlines.stop();
    services_->socket_events->stop();
  }
  forget(controllers);
  log_.reset();
  return clean;
}

}  // namespace spdk_nvme
