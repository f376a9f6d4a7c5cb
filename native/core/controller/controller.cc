#include "native/core/controller/controller.h"

#include <algorithm>

#include "native/core/diagnostics/thread_stack.h"

namespace spdk_nvme {

std::shared_ptr<Controller> Controller::start(std::shared_ptr<ControllerServices> services, Request request,
                                              ControllerEvents events) {
  return std::shared_ptr<Controller>(new Controller(
      std::make_shared<ControlLoop>(std::move(services), std::move(request), std::move(events))));
}

// The thread keeps the loop alive: SPDK may still be inside it when everything else has released it.
Controller::Controller(std::shared_ptr<ControlLoop> loop)
    : loop_(std::move(loop)), thread_("spdk-control", [running = loop_] { running->run(); }) {}

std::string Controller::stacks(std::chrono::milliseconds patience) const {
  using Clock = std::chrono::steady_clock;
  const auto deadline = Clock::now() + patience;
  std::string text;
  const auto add = [&](pid_t thread) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    if (thread != 0) text += describe_thread(thread, std::max(left, std::chrono::milliseconds(1)));
  };
  add(thread_.id());
  // A poller that SPDK holds keeps the linger lock from the control thread.
  const auto& pollers = loop_->context().services->pollers;
  for (size_t i = 0; i < pollers.size(); i++) {
    if (io_stats().slot(i).polls > 0) add(pollers[i]->thread_id());
  }
  return text;
}

}  // namespace spdk_nvme
