#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "native/core/base/status.h"

namespace spdk_nvme {

/**
 * SPDK's environment, of which a process has only one: in every supported release DPDK can be started once
 * and not again after it was stopped. It is started on a thread of its own, because DPDK pins its caller to
 * a core.
 */
class SpdkRuntime {
 public:
  struct Settings {
    std::string name;
    size_t memory_mb = 0;
  };

  /**
   * Starts SPDK, or takes it over from an earlier user in this process. One user at a time. Blocks for
   * hundreds of milliseconds the first time; not for the JavaScript thread.
   * @param granted is called before SPDK starts, once it belongs to this user
   */
  static Status acquire(const Settings& settings, const std::function<void()>& granted);
  /** The user has finished. SPDK keeps its memory for the next one. */
  static void release();
};

}  // namespace spdk_nvme
