#pragma once

#include <cstddef>
#include <string>

#include "native/core/base/status.h"

namespace spdk_nvme {

/**
 * SPDK's environment, of which a process has only one: in every supported release DPDK can be started once
 * and not again after it was stopped. So the first user starts it, later ones use it as it is, and it stays. It is
 * started on a thread of its own, because DPDK pins its caller to a core.
 */
class SpdkRuntime {
 public:
  struct Settings {
    std::string name;
    size_t memory_mb = 0;
    /** Whether a start with less memory, by an earlier user, is not enough. */
    bool memory_required = true;
  };

  /**
   * Starts SPDK, unless it runs already; waits while another thread starts it. Takes hundreds of milliseconds the
   * first time; not for the JavaScript thread. Thread: any.
   */
  static Status ensure_started(const Settings& settings);
};

}  // namespace spdk_nvme
