#include "native/core/controller/controller_stats.h"

#include "native/core/base/ticks.h"
#include "native/core/controller/controller.h"

namespace spdk_nvme {

namespace {

/** Measured since the addon was loaded; ticks before that were as long. */
const TickLength tick_length;

std::vector<ControllerStats::Latency> latencies_of(const Controller& controller) {
  constexpr double kNsPerUs = 1000;
  const double us = tick_length.nanoseconds() / kNsPerUs;
  std::vector<ControllerStats::Latency> latencies;
  for (size_t i = 0; i < LatencyHistogram::kBuckets; i++) {
    uint64_t count = 0;
    for (const auto& queue_pair : controller.queue_pairs())
      count += queue_pair.ring->counts().latency.count(i);
    if (count > 0) latencies.push_back({static_cast<double>(LatencyHistogram::end_of(i)) * us, count});
  }
  return latencies;
}

}  // namespace

ControllerStats stats_of(const Controller& controller) {
  ControllerStats stats;
  const auto locks = controller.linger_counters();
  stats.linger_locks = locks.exclusive;
  stats.linger_waits = locks.waited;
  IoStats& polling = controller.io_stats();
  for (size_t i = 0; i < polling.thread_count(); i++) {
    stats.polls += polling.of(i).polls.value();
    stats.idle_polls += polling.of(i).idle_polls.value();
    stats.lock_waits += polling.of(i).lock_waits.value();
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
    stats.reads += ring.counts().reads.value();
    stats.writes += ring.counts().writes.value();
    stats.bytes_read += ring.counts().bytes_read.value();
    stats.bytes_written += ring.counts().bytes_written.value();
  }
  stats.latencies = latencies_of(controller);
  return stats;
}

}  // namespace spdk_nvme
