#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "native/core/base/status.h"

namespace spdk_nvme {

/**
 * SPDK's environment, of which a process has one for good: DPDK can be started once, and cannot be stopped
 * and started again in any SPDK release this package supports. It runs on a thread of its own, because DPDK
 * pins its caller to a core.
 */
class SpdkRuntime {
 public:
  struct Settings {
    std::string name;
    size_t memory_mb = 0;
  };

  /**
   * Starts SPDK, or takes it over from an earlier user in this process. At most one user at a time.
   * Waits for hundreds of milliseconds the first time; not for the JavaScript thread.
   * @param granted is called once SPDK is this user's alone, before it starts.
   */
  static Status acquire(const Settings& settings, const std::function<void()>& granted);
  /** The user has finished. SPDK keeps its memory for the next one. */
  static void release();
};

}  // namespace spdk_nvme
