// Where SPDK holds a controller's threads; see controller.h.

#include <algorithm>

#include "native/core/controller/controller.h"
#include "native/core/diagnostics/thread_stack.h"

namespace spdk_nvme {

std::string Controller::stacks(std::chrono::milliseconds patience) const {
  const auto deadline = Clock::now() + patience;
  std::string text;
  const auto add = [&](pid_t thread) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    if (thread != 0) text += describe_thread(thread, std::max(left, std::chrono::milliseconds(1)));
  };
  add(thread_->id());
  // A poller that SPDK holds keeps the linger lock from the control thread.
  for (size_t i = 0; i < services_->pollers.size(); i++) {
    if (io_stats_->slot(i).polls > 0) add(services_->pollers[i]->thread_id());
  }
  return text;
}

}  // namespace spdk_nvme
