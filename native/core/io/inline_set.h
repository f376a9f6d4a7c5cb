#pragma once

#include <memory>
#include <mutex>
#include <utility>

#include "native/core/io/queue_set.h"

namespace spdk_nvme {

/** The queue set that the JavaScript thread polls. A reset of the controller replaces it. */
class InlineSet {
 public:
  /** Thread: control. */
  void replace(std::shared_ptr<QueueSet> set) {
    const std::lock_guard<std::mutex> guard(mutex_);
    set_ = std::move(set);
  }

  /** Thread: JavaScript. */
  void poll() {
    std::shared_ptr<QueueSet> set;
    {
      const std::lock_guard<std::mutex> guard(mutex_);
      set = set_;
    }
    if (set) set->poll();
  }

 private:
  /** Guards set_. */
  std::mutex mutex_;
  std::shared_ptr<QueueSet> set_;
};

}  // namespace spdk_nvme
