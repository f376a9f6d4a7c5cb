#pragma once

#include <cstdint>

namespace spdk_nvme {

/** Counters of one poller thread. */
struct PollerStats {
  /** How often it polled the queue pairs of a controller, and how often that found no completion. */
  uint64_t polls = 0;
  uint64_t idle_polls = 0;
  uint64_t completions = 0;
  uint64_t sleeps = 0;
  /** The number of controllers whose queue pairs it serves now. */
  uint64_t controllers = 0;
};

}  // namespace spdk_nvme
