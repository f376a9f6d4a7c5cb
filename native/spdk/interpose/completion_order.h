#pragma once

#include <infiniband/verbs.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

namespace spdk_nvme::spdk {

/**
 * Changes every completion that follows a failed one of the same queue pair into a failed one. Soft-RoCE may
 * report a successful send after it has reported that the receives of the queue pair were flushed. With the
 * first failure SPDK aborts all requests of the queue pair, but SPDK before v23.05 still uses the request of
 * such a send (nvme_rdma_cq_process_completions), which no longer exists: the process crashes.
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
 * The queue pairs that SPDK has disconnected and not destroyed. From v22.05 on SPDK continues to poll them,
 * and takes completions one by one: a successful send may arrive long after the failures, when all requests
 * have been aborted. Thread: any.
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

  /** Removes a queue pair that SPDK is about to destroy: another one may get its number. */
  void remove(const ibv_qp* queue_pair) {
    const std::lock_guard<std::mutex> guard(mutex_);
    std::erase(list_, Disconnected{queue_pair->send_cq, queue_pair->qp_num});
    any_.store(!list_.empty(), std::memory_order_release);
  }

  /** Changes every completion of these queue pairs, taken from this completion queue, into a failed one. */
  void fail(const ibv_cq* queue, std::span<ibv_wc> completions) {
    // Without the lock, because pollers call this all the time and mostly the list is empty.
    if (!any_.load(std::memory_order_acquire)) return;
    const std::lock_guard<std::mutex> guard(mutex_);
    for (ibv_wc& one : completions) {
      if (one.status == IBV_WC_SUCCESS && contains(queue, one.qp_num)) one.status = IBV_WC_WR_FLUSH_ERR;
    }
  }

 private:
  /** Numbers are unique only on one device, which the completion queue identifies. */
  struct Disconnected {
    const ibv_cq* queue;
    uint32_t number;

    bool operator==(const Disconnected&) const = default;
  };

  /** Whether the list has a queue pair. Holds: mutex_. */
  [[nodiscard]] bool contains(const ibv_cq* queue, uint32_t number) const {
    return std::find(list_.begin(), list_.end(), Disconnected{queue, number}) != list_.end();
  }

  std::atomic<bool> any_{false};
  /** Guards list_. */
  std::mutex mutex_;
  std::vector<Disconnected> list_;
};

// Called when SPDK disconnects a queue pair, and when it is about to destroy one. Do nothing for releases that do not need it. Thread: any.

void note_disconnected(const ibv_qp* queue_pair);
void forget_disconnected(const ibv_qp* queue_pair);

/**
 * The linker cannot wrap ibv_poll_cq(): it is inline, and calls the function that the device's context names.
 * That pointer is replaced, and the device's own function is kept here. Nothing reports that a context is
 * closed, and its memory may become another context: the latest call of add() for an address counts.
 */
class PolledDevices {
 public:
  using PollCq = decltype(ibv_context_ops::poll_cq);

  PolledDevices() = default;
  PolledDevices(const PolledDevices&) = delete;
  PolledDevices& operator=(const PolledDevices&) = delete;
  ~PolledDevices() {
    for (Device* one = first_.load(); one != nullptr;) delete std::exchange(one, one->next);
  }

  /** Passes the completions of a device's queues through poll(). Thread: any. */
  void add(ibv_context* context, PollCq poll) {
    const std::lock_guard<std::mutex> guard(adding_);
    if (context->ops.poll_cq == poll) return;
    if (Device* known = find(context)) {
      known->own.store(context->ops.poll_cq, std::memory_order_release);
    } else {
      first_.store(new Device{context, context->ops.poll_cq, first_.load(std::memory_order_relaxed)},
                   std::memory_order_release);
    }
    // No thread polls yet: the device has no completion queue so far.
    context->ops.poll_cq = poll;
  }

  /** The own poll function of a device that was added. Without a lock, because pollers call it all the time. Thread: any. */
  [[nodiscard]] PollCq own(const ibv_context* context) const {
    const Device* const known = find(context);
    return known == nullptr ? nullptr : known->own.load(std::memory_order_acquire);
  }

 private:
  struct Device {
    Device(const ibv_context* its, PollCq its_own, Device* others)
        : context(its), own(its_own), next(others) {}
    const ibv_context* const context;
    std::atomic<PollCq> own;
    Device* const next;
  };

  [[nodiscard]] Device* find(const ibv_context* context) const {
    Device* one = first_.load(std::memory_order_acquire);
    while (one != nullptr && one->context != context) one = one->next;
    return one;
  }

  /** Guards adding; devices are never removed. */
  std::mutex adding_;
  std::atomic<Device*> first_{nullptr};
};

}  // namespace spdk_nvme::spdk
