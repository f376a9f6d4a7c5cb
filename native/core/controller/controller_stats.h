#pragma once

#include <cstdint>
#include <vector>

#include "native/spdk/transport_stats.h"

namespace spdk_nvme {

class Controller;

/** What one controller's I/O queue pairs have done since they were connected. */
struct ControllerStats {
  /** Commands that the controller has not completed. */
  uint64_t outstanding = 0;
  /** Commands that the controller completed; those of them with an error; those that were aborted. */
  uint64_t completed = 0;
  uint64_t failed = 0;
  uint64_t aborted = 0;
  /** Reads and writes that succeeded, and their bytes. */
  uint64_t reads = 0;
  uint64_t writes = 0;
  uint64_t bytes_read = 0;
  uint64_t bytes_written = 0;
  /** Commands that took less than this bound, and not less than that of the entry before. */
  struct Latency {
    double end_us;
    uint64_t count;
  };
  /** Latencies of the commands that the controller completed, without empty entries. */
  std::vector<Latency> latencies;
  uint64_t polls = 0;
  uint64_t idle_polls = 0;
  /** Polls that were put off because another thread held the linger lock. */
  uint64_t lock_waits = 0;
  /** Times the linger lock's exclusive side was taken, and how often it had to wait for a thread that polled. */
  uint64_t linger_locks = 0;
  uint64_t linger_waits = 0;
  /** SPDK's own counts, where the release has them; empty while the linger lock is held. */
  std::vector<spdk::TransportStats> transport;
};

/** Waits for some hundred microseconds at most. Thread: JavaScript. */
ControllerStats stats_of(const Controller& controller);

}  // namespace spdk_nvme
