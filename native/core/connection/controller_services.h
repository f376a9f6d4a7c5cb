#pragma once

#include <cstdint>
#include <memory>

#include "native/core/base/deadlines.h"
#include "native/core/base/linger_lock.h"
#include "native/core/base/socket_events.h"
#include "native/core/connection/connect_gate.h"
#include "native/core/connection/connect_memory.h"
#include "native/core/connection/reachable_addresses.h"
#include "native/core/diagnostics/history.h"
#include "native/core/io/io_queues.h"
#include "native/core/io/io_stats.h"

namespace spdk_nvme {

/** What the controllers of one environment share. Held by each, so that a wedged one can outlive the rest. */
struct ControllerServices : IoServices {
  /** @param log the LogSubscription of the environment */
  ControllerServices(unsigned connect_concurrency, uint64_t log)
      : log_id(log), connect_gate(connect_concurrency) {}

  const uint64_t log_id;
  ConnectGate connect_gate;
  ConnectMemory connect_memory;
  ReachableAddresses reachable_addresses;
  Deadlines deadlines;
  /** Shared with the connections that SPDK has not closed. */
  const std::shared_ptr<SocketEvents> socket_events = std::make_shared<SocketEvents>();
};

/** What the connections of one controller share, and with them the threads that poll. */
struct ConnectionContext {
  std::shared_ptr<ControllerServices> services;
  std::shared_ptr<LingerLock> linger;
  std::shared_ptr<IoStats> io_stats;
  std::shared_ptr<History> history;
};

}  // namespace spdk_nvme
