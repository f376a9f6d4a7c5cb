#pragma once

// The I/O queue pairs of one controller that one thread polls: one interface, with an implementation for each of the two ways in
// which releases connect and disconnect them. Code outside native/spdk does not ask which one it has. It is chosen when the addon
// is compiled: poll() is called hundreds of thousands of times a second, and so costs no virtual call.

#include <spdk/nvme.h>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "native/core/base/linger_lock.h"
#include "native/spdk/release.h"
#include "native/spdk/transport_stats.h"

#if SPDK_NVME_ASYNC_QUEUE_PAIRS
#include "native/spdk/grouped_queue_pairs.h"
#else
#include "native/spdk/single_queue_pairs.h"
#endif

namespace spdk_nvme::spdk {

#if SPDK_NVME_ASYNC_QUEUE_PAIRS
using PolledQueuePairs = GroupedQueuePairs;
#else
using PolledQueuePairs = SingleQueuePairs;
#endif

/**
 * The interface. Not synchronised: used by one thread at a time, handed over with happens-before; where a function says so, by any.
 *
 * The end of queue pairs: the control thread requests that the thread that polls them disconnects them. That thread does so once
 * disconnect_requested(), polls until disconnected(), and frees them. An implementation whose disconnect() waits rejects the
 * request, and then the control thread frees them.
 */
template <typename Pairs>
concept QueuePairsOfThread = std::constructible_from<Pairs, spdk_nvme_ctrlr*> &&
    requires(Pairs& pairs, const Pairs& seen, LingerLock& linger, std::chrono::microseconds patience) {
  // Allocates one more queue pair and begins to connect it, which may wait. False if the target or SPDK rejected it.
  { pairs.connect(uint32_t{}) } -> std::same_as<bool>;
  // The progress of connecting all queue pairs; poll() in between.
  { seen.connection() } -> std::same_as<typename Pairs::Connection>;

  // Processes completions and CM events. Returns their number, or a negative errno if a queue pair failed. Never waits.
  { pairs.poll() } -> std::same_as<int64_t>;
  // Whether a queue pair has lost its connection, so that the next poll may destroy its CM id.
  { seen.disturbed() } -> std::same_as<bool>;
  // SPDK's own counters; empty where SPDK has none, or the lock is not free in time. Thread: any that does not hold the lock.
  { seen.transport_stats(linger, patience) } -> std::same_as<std::vector<TransportStats>>;

  // Requests the disconnect; may be rejected. Thread: any, and so the next.
  pairs.request_disconnect();
  { seen.disconnect_requested() } -> std::same_as<bool>;
  // Begins to disconnect all queue pairs, which may wait if it was not requested; poll() until disconnected().
  pairs.disconnect();
  { seen.disconnected() } -> std::same_as<bool>;
  // Frees all queue pairs, once disconnected(). If the request was rejected it may come earlier: it disconnects them, and waits.
  pairs.free();

  { seen.size() } -> std::same_as<size_t>;
  { seen[size_t{}] } -> std::same_as<spdk_nvme_qpair*>;
};

static_assert(QueuePairsOfThread<PolledQueuePairs>);

}  // namespace spdk_nvme::spdk
