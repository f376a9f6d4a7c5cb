#pragma once

#include <spdk/nvme.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "native/spdk/release.h"

namespace spdk_nvme::spdk {

/** SPDK's own counters for one RDMA device, or for TCP, by SPDK's names. */
struct TransportStats {
  std::string name;
  std::vector<std::pair<const char*, uint64_t>> values;
};

/**
 * The I/O queue pairs of one controller that one thread polls: in a poll group if those of the release
 * support queue pairs that are destroyed (see kAsyncQueuePairs), otherwise each by itself. Not synchronised:
 * used by one thread at a time, handed over with happens-before.
 */
class PolledQueuePairs {
 public:
  explicit PolledQueuePairs(spdk_nvme_ctrlr* controller) : controller_(controller) {}
  ~PolledQueuePairs() = default;
  PolledQueuePairs(const PolledQueuePairs&) = delete;
  PolledQueuePairs& operator=(const PolledQueuePairs&) = delete;

  enum class Connection { pending, established, failed };

  /**
   * Allocates one more queue pair and begins to connect it; before v22.05 this waits for the connection, up
   * to the seconds that SPDK allows for a CM event. False if the target or SPDK rejected it.
   */
  bool connect(uint32_t queue_depth);
  /** The progress of connecting all queue pairs; poll() in between. */
  [[nodiscard]] Connection connection() const;

  /**
   * Processes completions and CM events. Returns their number, or a negative errno if a queue pair failed.
   */
  int64_t poll();
  /** Whether a queue pair has lost its connection, so that the next poll may destroy its CM id. */
  [[nodiscard]] bool disturbed() const;

  /** Whether SPDK has counters of its own. */
  static constexpr bool has_transport_stats() { return kAsyncQueuePairs; }
  /** SPDK's own counters; empty with releases without them. */
  [[nodiscard]] std::vector<TransportStats> transport_stats() const;

  /**
   * Whether queue pairs are disconnected without waiting, so that the polling thread can do it between its
   * other work. Otherwise free() disconnects and waits for the target.
   */
  static constexpr bool disconnect_without_waiting() { return kAsyncQueuePairs; }
  /** Begins to disconnect all; poll() until disconnected(). Only with disconnect_without_waiting(). */
  void disconnect();
  /** Disconnects and waits until that is done, before free() of queue pairs that were never all connected. */
  void disconnect_and_wait();
  [[nodiscard]] bool disconnected() const { return gone_.size() == queue_pairs_.size(); }

  /** Frees all queue pairs and the poll group. Disconnects those that are still connected, which may wait. */
  void free();

  [[nodiscard]] size_t size() const { return queue_pairs_.size(); }
  [[nodiscard]] spdk_nvme_qpair* operator[](size_t index) const { return queue_pairs_[index]; }

 private:
  static void on_disconnected(spdk_nvme_qpair* queue_pair, void* context);
  void mark_gone(spdk_nvme_qpair* queue_pair);

  spdk_nvme_ctrlr* controller_;
  spdk_nvme_poll_group* group_ = nullptr;
  std::vector<spdk_nvme_qpair*> queue_pairs_;
  /** Queue pairs that SPDK has reported as disconnected, each once. */
  std::vector<spdk_nvme_qpair*> gone_;
  /**
   * Queue pairs that have completed a command; only used with releases
   * without spdk_nvme_qpair_is_connected().
   */
  size_t probed_ = 0;
};

}  // namespace spdk_nvme::spdk
