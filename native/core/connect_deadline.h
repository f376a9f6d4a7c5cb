#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <thread>

#include "../spdk/connection_watch.h"
#include "../spdk/release.h"
#include "thread_name.h"

namespace spdk_nvme {

/**
 * While one lives, the connections of a watch are broken when a time is over. SPDK before v22.05 would wait
 * for a silent target for ever, so it takes a thread of its own, which the destructor joins. Later releases
 * keep deadlines by themselves: nothing is done for them.
 */
class ConnectDeadline {
 public:
  ConnectDeadline(spdk::ConnectionWatch& watch, std::chrono::milliseconds limit) {
    if constexpr (spdk::kAsyncQueuePairs) return;
    thread_ = std::jthread([&watch, limit](const std::stop_token& ended) {
      name_this_thread("spdk-deadline");
      std::mutex mutex;
      std::condition_variable_any never;
      std::unique_lock<std::mutex> lock(mutex);
      never.wait_for(lock, ended, limit, [] { return false; });
      if (!ended.stop_requested()) watch.break_this_try();
    });
  }
  ConnectDeadline(const ConnectDeadline&) = delete;
  ConnectDeadline& operator=(const ConnectDeadline&) = delete;
  ~ConnectDeadline() = default;

 private:
  std::jthread thread_;
};

}  // namespace spdk_nvme
