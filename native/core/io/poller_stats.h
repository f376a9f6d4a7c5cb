#pragma once

#include <cstdint>

namespace spdk_nvme {

/** What one poller thread has done since it was started. */
struct PollerStats {
  /** Times it polled the queue pairs of a controller, and how often nothing had completed. */
  uint64_t polls = 0;
  uint64_t idle_polls = 0;
  uint64_t completions = 0;
  uint64_t sleeps = 0;
  /** Controllers whose queue pairs it serves now. */
  uint64_t controllers = 0;
};

}  // namespace spdk_nvme
