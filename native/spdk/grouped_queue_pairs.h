#pragma once

#include <spdk/nvme.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "native/core/base/linger_lock.h"
#include "native/spdk/queue_pair_list.h"
#include "native/spdk/transport_stats.h"

namespace spdk_nvme::spdk {

/**
 * The queue pairs of SPDK v22.05 and later, see queue_pairs.h. They are in a poll group, whose polls connect
 * and disconnect them without waiting.
 */
class GroupedQueuePairs : public QueuePairList {
 public:
  explicit GroupedQueuePairs(spdk_nvme_ctrlr* controller) : QueuePairList(controller) {}

  bool connect(uint32_t queue_depth);
  [[nodiscard]] Connection connection() const;
  int64_t poll();
  [[nodiscard]] bool disturbed() const { return !gone_.empty() || any_failed(); }
  [[nodiscard]] std::vector<TransportStats> transport_stats(LingerLock& linger,
                                                            std::chrono::microseconds patience) const;

  void request_disconnect() { disconnect_requested_.store(true, std::memory_order_release); }
  [[nodiscard]] bool disconnect_requested() const {
    return disconnect_requested_.load(std::memory_order_acquire);
  }
  void disconnect() { disconnect_all(); }
  [[nodiscard]] bool disconnected() const { return gone_.size() == queue_pairs_.size(); }
  /** Only once disconnected(): SPDK forgets the group of a queue pair that it frees earlier, and then uses it. */
  void free();

 private:
  static void on_disconnected(spdk_nvme_qpair* queue_pair, void* context);
  void mark_gone(spdk_nvme_qpair* queue_pair);
  int64_t poll_group();
  int64_t probe();

  spdk_nvme_poll_group* group_ = nullptr;
  std::atomic<bool> disconnect_requested_{false};
  /** Queue pairs that SPDK has reported as disconnected, each once. */
  std::vector<spdk_nvme_qpair*> gone_;
  /** Queue pairs that have completed a command; only used with releases without spdk_nvme_qpair_is_connected(). */
  size_t probed_ = 0;
  uint32_t polls_ = 0;
};

}  // namespace spdk_nvme::spdk
