#include "native/core/controller/controller_stats.h"

#include "native/core/controller/controller.h"

namespace spdk_nvme {

ControllerStats stats_of(const Controller& controller) {
  ControllerStats stats;
  const auto locks = controller.linger_counters();
  stats.linger_locks = locks.exclusive;
  stats.linger_waits = locks.waited;
  IoStats& polling = controller.io_stats();
  for (size_t i = 0; i < polling.slot_count(); i++) {
    stats.polls += polling.slot(i).polls.value();
    stats.idle_polls += polling.slot(i).idle_polls.value();
    stats.lock_waits += polling.slot(i).lock_waits.value();
  }
  stats.transport = polling.transport();
  // Rings appear before the state does.
  if (controller.state() == ControllerState::attaching) return stats;
  for (const auto& queue_pair : controller.queue_pairs()) {
    const IoRing& ring = *queue_pair.ring;
    stats.outstanding += ring.in_flight();
    stats.completed += ring.counts().completed.value();
    stats.failed += ring.counts().failed.value();
    stats.aborted += ring.counts().aborted.value();
  }
  return stats;
}

}  // namespace spdk_nvme
