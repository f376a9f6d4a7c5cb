#pragma once

#include <rdma/rdma_cma.h>

#include <algorithm>
#include <mutex>
#include <vector>

namespace spdk_nvme::spdk {

/**
 * Passes SPDK one event of a CM id at a time. Before v22.05 SPDK parks a second one where it does not look
 * when it destroys the id, and rdma_destroy_id() then waits indefinitely for its acknowledgement: the hang of
 * SPDK issue 3347 within one thread. Thread: any.
 */
class CmEvents {
 public:
  using Get = decltype(rdma_get_cm_event);
  using Acknowledge = decltype(rdma_ack_cm_event);

  CmEvents(Get* real_get, Acknowledge* real_acknowledge) : get_(real_get), acknowledge_(real_acknowledge) {}

  /** Like rdma_get_cm_event(). */
  int get(rdma_event_channel* channel, rdma_cm_event** event) {
    if (take_held(channel, event)) return 0;
    for (;;) {
      // Without the lock, since the channel may be a blocking one.
      const int result = get_(channel, event);
      if (result != 0) return result;
      const std::lock_guard<std::mutex> guard(mutex_);
      if (!is_out((*event)->id)) {
        out_.push_back(*event);
        return 0;
      }
      held_.push_back(*event);
    }
  }

  /** Like rdma_ack_cm_event(). */
  int acknowledge(rdma_cm_event* event) {
    {
      const std::lock_guard<std::mutex> guard(mutex_);
      std::erase(out_, event);
    }
    return acknowledge_(event);
  }

  /** Acknowledges the held events of an id that SPDK is about to destroy. */
  void drop(const rdma_cm_id* id) {
    const std::lock_guard<std::mutex> guard(mutex_);
    std::erase_if(held_, [this, id](rdma_cm_event* event) {
      if (event->id != id) return false;
      acknowledge_(event);
      return true;
    });
  }

 private:
  /** Whether SPDK has an event of the id. Holds: mutex_. */
  [[nodiscard]] bool is_out(const rdma_cm_id* id) const {
    return std::any_of(out_.begin(), out_.end(),
                       [id](const rdma_cm_event* event) { return event->id == id; });
  }

  /** The first held event that may be passed on now. */
  bool take_held(const rdma_event_channel* channel, rdma_cm_event** event) {
    const std::lock_guard<std::mutex> guard(mutex_);
    const auto found = std::find_if(held_.begin(), held_.end(), [this, channel](const rdma_cm_event* held) {
      return held->id->channel == channel && !is_out(held->id);
    });
    if (found == held_.end()) return false;
    *event = *found;
    out_.push_back(*found);
    held_.erase(found);
    return true;
  }

  Get* const get_;
  Acknowledge* const acknowledge_;
  /** Guards the following. */
  std::mutex mutex_;
  /** Events that SPDK has and has not acknowledged. */
  std::vector<rdma_cm_event*> out_;
  std::vector<rdma_cm_event*> held_;
};

}  // namespace spdk_nvme::spdk
