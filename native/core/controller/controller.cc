#include "native/core/controller/controller.h"

#include <algorithm>

#include "native/core/diagnostics/thread_stack.h"

namespace spdk_nvme {

std::shared_ptr<Controller> Controller::start(const std::shared_ptr<ControllerServices>& services,
                                              ControlThreads& threads, Request request,
                                              ControllerEvents events) {
  auto turns = threads.make_member();
  // Weak: the loop is kept by its member, and the threads that wake it may outlive both.
  auto loop = std::make_shared<ControlLoop>(services, std::move(request), std::move(events),
                                            [weak = std::weak_ptr(turns)] {
                                              if (const auto member = weak.lock()) member->wake();
                                            });
  threads.start(turns, loop);
  return std::shared_ptr<Controller>(new Controller(std::move(loop), std::move(turns)));
}

std::string Controller::stacks(std::chrono::milliseconds patience) const {
  using Clock = std::chrono::steady_clock;
  const auto deadline = Clock::now() + patience;
  std::string text;
  const auto add = [&](pid_t thread) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    if (thread != 0) text += describe_thread(thread, std::max(left, std::chrono::milliseconds(1)));
  };
  add(turns_->thread_id());
  // A poller that SPDK holds keeps the linger lock from the control thread.
  const auto& pollers = loop_->context().services->pollers;
  for (size_t i = 0; i < pollers.size(); i++) {
    if (io_stats().of(i).sets > 0) add(pollers[i]->thread_id());
  }
  return text;
}

}  // namespace spdk_nvme
