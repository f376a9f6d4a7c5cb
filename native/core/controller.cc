#include "controller.h"

#include <utility>

namespace spdk_nvme {

namespace {

/** How often the admin queue is looked at: for keep-alives, asynchronous events, and a connection that broke. */
constexpr std::chrono::milliseconds kAdminInterval{10};

}  // namespace

std::shared_ptr<Controller> Controller::start(std::shared_ptr<ControllerServices> services, Request request,
                                              ControllerEvents events) {
  std::shared_ptr<Controller> controller(
      new Controller(std::move(services), std::move(request), std::move(events)));
  // The thread keeps the controller alive: SPDK may still be inside it when everybody else has let go.
  controller->thread_ = std::make_unique<OwnedThread>("spdk-control", [controller] { controller->run(); });
  return controller;
}

// One slot of the linger lock for each poller, and one for the control thread.
Controller::Controller(std::shared_ptr<ControllerServices> services, Request request, ControllerEvents events)
    : services_(std::move(services)), request_(std::move(request)), events_(std::move(events)),
      linger_(services_->pollers.size() + 1) {}

void Controller::give_up_attach() {
  attach_given_up_.store(true, std::memory_order_release);
  mailbox_.post([] {});
}

void Controller::detach(DetachSettings settings, std::function<void(const DetachReport&)> done) {
  mailbox_.post([this, settings, done = std::move(done)]() mutable {
    if (!detach_requested_.exchange(true)) detach_settings_ = settings;
    detach_waiters_.push_back(std::move(done));
  });
}

void Controller::wedge() {
  if (life_.advance(ControllerState::wedged) && events_.state_changed) {
    events_.state_changed(ControllerState::wedged);
  }
}

void Controller::run() {
  const Status attached = attach();
  if (attached.ok()) {
    enter(ControllerState::attached);
  } else {
    enter(ControllerState::detached);
  }
  events_.attached(attached);
  if (!attached.ok()) return;
  serve();
  detach_now();
}

void Controller::serve() {
  while (!detach_requested_.load(std::memory_order_acquire) && !attach_given_up_.load(std::memory_order_acquire)) {
    if (!mailbox_.run()) mailbox_.sleep(kAdminInterval);
    if (!admin_failed_) poll_admin();
  }
}

void Controller::poll_admin() {
  int32_t result = 0;
  {
    const SharedLinger together(linger_, control_slot());
    result = spdk_nvme_ctrlr_process_admin_completions(controller_);
  }
  if (result >= 0) return;
  admin_failed_ = true;
  fail(Status::failure("ERR_SPDK_CONTROLLER_FAILED", "the connection to the controller's admin queue is lost",
                       -result));
}

void Controller::enter(ControllerState state) {
  if (life_.advance(state) && events_.state_changed) events_.state_changed(state);
}

void Controller::fail(Status why) {
  if (!life_.advance(ControllerState::failed)) return;
  if (events_.state_changed) events_.state_changed(ControllerState::failed);
  if (events_.failed) events_.failed(why);
}

}  // namespace spdk_nvme
