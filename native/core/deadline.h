#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>
#include <utility>

#include "../spdk/release.h"
#include "thread_name.h"

namespace spdk_nvme {

/**
 * Calls a function when a time is over while one lives, from a thread of its own, which the destructor joins:
 * for calls into SPDK before v22.05 that wait for a silent target for ever. Later releases keep deadlines by
 * themselves: nothing is done for them.
 */
class Deadline {
 public:
  Deadline(std::chrono::milliseconds limit, std::function<void()> late) {
    if constexpr (spdk::kAsyncQueuePairs) return;
    thread_ = std::jthread([limit, late = std::move(late)](const std::stop_token& ended) {
      name_this_thread("spdk-deadline");
      std::mutex mutex;
      std::condition_variable_any never;
      std::unique_lock<std::mutex> lock(mutex);
      never.wait_for(lock, ended, limit, [] { return false; });
      if (!ended.stop_requested()) late();
    });
  }
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;
  ~Deadline() = default;

 private:
  std::jthread thread_;
};

}  // namespace spdk_nvme
