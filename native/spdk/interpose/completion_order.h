#pragma once

#include <infiniband/verbs.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

namespace spdk_nvme::spdk {

/**
 * Makes every completion that follows a failed one of the same queue pair a failed one too. Soft-RoCE may
 * report that a send ended well after it has reported that the queue pair's receives were flushed. With the
 * first failure SPDK aborts all requests of the queue pair, and SPDK before v23.05 uses the request of such
 * a send nevertheless (nvme_rdma_cq_process_completions): it is gone, and the process crashes.
 */
inline void fail_after_failure(std::span<ibv_wc> completions) {
  for (auto failed = completions.begin(); failed != completions.end(); ++failed) {
    if (failed->status == IBV_WC_SUCCESS) continue;
    std::for_each(failed + 1, completions.end(), [number = failed->qp_num](ibv_wc& later) {
      if (later.qp_num == number && later.status == IBV_WC_SUCCESS) later.status = IBV_WC_WR_FLUSH_ERR;
    });
  }
}

/**
 * The queue pairs that SPDK has disconnected and not destroyed. From v22.05 SPDK goes on polling them, and
 * takes completions one by one: here a send's success may come long after the failures, when all requests
 * have been aborted. Any thread.
 */
class DisconnectedQueuePairs {
 public:
  void add(const ibv_qp* queue_pair) {
    const std::lock_guard<std::mutex> guard(mutex_);
    if (!contains(queue_pair->send_cq, queue_pair->qp_num)) {
      list_.push_back({queue_pair->send_cq, queue_pair->qp_num});
    }
    any_.store(true, std::memory_order_release);
  }

  /** It is about to be destroyed: another one may get its number. */
  void remove(const ibv_qp* queue_pair) {
    const std::lock_guard<std::mutex> guard(mutex_);
    std::erase(list_, Disconnected{queue_pair->send_cq, queue_pair->qp_num});
    any_.store(!list_.empty(), std::memory_order_release);
  }

  /** Makes every completion of these queue pairs, taken off this completion queue, a failed one. */
  void fail(const ibv_cq* queue, std::span<ibv_wc> completions) {
    // Without the lock: pollers ask all the time, and mostly there is none.
    if (!any_.load(std::memory_order_acquire)) return;
    const std::lock_guard<std::mutex> guard(mutex_);
    for (ibv_wc& one : completions) {
      if (one.status == IBV_WC_SUCCESS && contains(queue, one.qp_num)) one.status = IBV_WC_WR_FLUSH_ERR;
    }
  }

 private:
  /** Numbers are unique on one device only; the completion queue says which. */
  struct Disconnected {
    const ibv_cq* queue;
    uint32_t number;

    bool operator==(const Disconnected&) const = default;
  };

  /** The caller holds the mutex. */
  [[nodiscard]] bool contains(const ibv_cq* queue, uint32_t number) const {
    return std::find(list_.begin(), list_.end(), Disconnected{queue, number}) != list_.end();
  }

  std::atomic<bool> any_{false};
  /** Guards list_. */
  std::mutex mutex_;
  std::vector<Disconnected> list_;
};

/** A queue pair of SPDK's is about to be destroyed. Does nothing with releases that need none of this. Any
 * thread. */
void forget_disconnected(const ibv_qp* queue_pair);

}  // namespace spdk_nvme::spdk
