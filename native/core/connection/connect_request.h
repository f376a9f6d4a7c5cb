#pragma once

#include <spdk/nvme.h>

#include "native/core/io/polling_mode.h"
#include "native/spdk/connect.h"

namespace spdk_nvme {

/** Where a controller is, and how it is connected to; the same for all of its connections. */
struct ConnectRequest {
  spdk_nvme_transport_id transport_id{};
  spdk::ConnectSettings connect;
  PollingMode polling = PollingMode::threads;
  /** A discovery controller is wanted, which has no I/O queues. */
  bool discovery = false;
};

}  // namespace spdk_nvme
