#pragma once

#include <spdk/nvme.h>

#include <chrono>
#include <functional>
#include <string>

#include "native/core/base/status.h"

namespace spdk_nvme {

/** What to check: the controller's address, and the local address to connect from. */
struct AddressCheck {
  const spdk_nvme_transport_id& transport_id;
  std::string source_address;  // empty: any
  std::chrono::steady_clock::time_point deadline;
  /** Asked every few milliseconds; true ends the check early. */
  std::function<bool()> cancelled;
};

/**
 * Whether the controller's address responds at all. SPDK finds that out too, but in calls of seconds that
 * cannot be cancelled, and with old releases, over RDMA or as shared libraries, one dead address then stops every other
 * attach and detach of the process. So this check comes first, without SPDK: RDMA addresses are resolved, TCP ports
 * connected to. Waits up to the deadline; control thread.
 */
Status check_address(const AddressCheck& check);

}  // namespace spdk_nvme
