#pragma once

#include <rdma/rdma_cma.h>

#include <mutex>
#include <set>

namespace spdk_nvme::spdk {

/** The connections over RDMA that their targets have ended, or whose targets do not respond. Thread: any. */
class EndedConnections {
 public:
  /** Called with each event that SPDK is given. */
  void note(const rdma_cm_event& event) {
    if (event.event == RDMA_CM_EVENT_DISCONNECTED) add(event.id);
  }
  void add(const rdma_cm_id* id) {
    const std::lock_guard<std::mutex> guard(mutex_);
    ended_.insert(id);
  }
  /** Called before the id is destroyed. */
  void forget(const rdma_cm_id* id) {
    const std::lock_guard<std::mutex> guard(mutex_);
    ended_.erase(id);
  }
  [[nodiscard]] bool has(const rdma_cm_id* id) {
    const std::lock_guard<std::mutex> guard(mutex_);
    return ended_.contains(id);
  }

 private:
  /** Guards ended_. */
  std::mutex mutex_;
  std::set<const rdma_cm_id*> ended_;
};

/** Never destroyed: a thread to which SPDK does not return may still use it when the process ends. */
inline EndedConnections& ended_connections() {
  static auto& all = *new EndedConnections;
  return all;
}

}  // namespace spdk_nvme::spdk
