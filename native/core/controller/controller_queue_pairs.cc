// How a controller gets its rings and their queue pairs. Control thread only; see controller.h.

#include <algorithm>
#include <bit>
#include <string>
#include <utility>

#include "native/core/controller/controller.h"
#include "native/spdk/controller_type.h"

namespace spdk_nvme {

/** One ring for each queue pair that the target grants, and who polls it. */
void Controller::make_rings() {
  const auto& pollers = services_->pollers;
  const ControllerInfo& info = description_.latest_info();
  const size_t first_poller = services_->next_poller.fetch_add(info.io_queues);
  // A poller's queue pairs are next to each other, since it serves them in one set.
  const size_t threads = std::min<size_t>(pollers.size(), info.io_queues);
  for (size_t i = 0; i < info.io_queues; i++) {
    const auto ring = std::make_shared<IoRing>(services_->memory, std::bit_ceil(info.queue_depth));
    if (request_.inline_polling) {
      // JavaScript that polls sees for itself: a message after every poll would only have it poll once more,
      // and would keep it from everything else that waits in its event loop.
      queue_pairs_.push_back({ring, nullptr, std::make_shared<InlineSet>()});
    } else {
      ring->on_completions = events_.io_completed();
      const size_t thread = i * threads / info.io_queues;
      queue_pairs_.push_back({ring, pollers[(first_poller + thread) % pollers.size()].get(), nullptr});
    }
  }
}

/** Connects a queue pair for each ring: those of one poller in one set, those of the JavaScript thread each
 * in its own. */
Status Controller::connect_queue_pairs(LogCollector& log) {
  const auto type = spdk::controller_type(controller_);
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
  const ControllerInfo& info = description_.latest_info();
  if (info.io_queues == 0) {
    return Status::failure("ERR_SPDK_NO_IO_QUEUES", "the controller grants no I/O queue");
  }
  if (queue_pairs_.empty()) make_rings();
  if (info.io_queues < queue_pairs_.size()) {
    return Status::failure("ERR_SPDK_NO_IO_QUEUES", "the controller grants fewer I/O queues than before");
  }
  give_namespaces_to_rings();
  const auto deadline = Clock::now() + timeout();
  for (size_t i = 0; i < queue_pairs_.size();) {
    const Poller* const poller = queue_pairs_[i].poller;
    std::vector<std::shared_ptr<IoRing>> rings;
    do {
      rings.push_back(queue_pairs_[i++].ring);
    } while (poller != nullptr && i < queue_pairs_.size() && queue_pairs_[i].poller == poller);
    const size_t slot = poller == nullptr ? javascript_slot() : poller->index();
    const auto set =
        std::make_shared<QueueSet>(controller_, linger_, slot, std::move(rings), history_, io_stats_);
    sets_.push_back(set);
    if (!set->connect(info.queue_depth, deadline)) return attach_failure(log);
  }
  return Status::success();
}

}  // namespace spdk_nvme
