#pragma once

#include <spdk/nvme.h>

#include <chrono>
#include <cstdint>
#include <vector>

#include "native/core/base/linger_lock.h"
#include "native/spdk/queue_pair_list.h"
#include "native/spdk/transport_stats.h"

namespace spdk_nvme::spdk {

/**
 * The queue pairs of SPDK before v22.05, see queue_pairs.h. They connect and disconnect inside a call that waits, so the control
 * thread makes these calls. Poll groups keep pointers to destroyed queue pairs there: each is polled by itself.
 */
class SingleQueuePairs : public QueuePairList {
 public:
  explicit SingleQueuePairs(spdk_nvme_ctrlr* controller) : QueuePairList(controller) {}

  /** Waits for the connection, up to the seconds that SPDK allows for a CM event. */
  bool connect(uint32_t queue_depth);
  [[nodiscard]] Connection connection() const {
    return disturbed() ? Connection::failed : Connection::established;
  }
  int64_t poll();
  [[nodiscard]] bool disturbed() const { return any_failed(); }
  /** SPDK has no counters without a poll group. */
  [[nodiscard]] std::vector<TransportStats> transport_stats(LingerLock& /*linger*/,
                                                            std::chrono::microseconds /*patience*/) const {
    return {};
  }

  /** Rejects it: the thread that polls would wait in disconnect(), and its other controllers with it. */
  void request_disconnect() {}
  [[nodiscard]] bool disconnect_requested() const { return false; }
  /** Waits for the target. */
  void disconnect();
  [[nodiscard]] bool disconnected() const { return disconnected_; }
  /** Waits for the target, unless they are disconnected. */
  void free();

 private:
  bool disconnected_ = false;
};

}  // namespace spdk_nvme::spdk
