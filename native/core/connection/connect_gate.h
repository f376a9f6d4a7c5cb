#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace spdk_nvme {

/**
 * Limits how many controllers connect at the same time: each connect has to meet the deadlines of the RDMA CM
 * and of the target, and a storm of them misses both. Any thread.
 */
class ConnectGate {
 public:
  explicit ConnectGate(unsigned limit) : free_(limit) {}

  /** Waits for a place. False when `patience` passed first. */
  bool enter(std::chrono::milliseconds patience) {
    std::unique_lock<std::mutex> guard(mutex_);
    if (!left_.wait_for(guard, patience, [this] { return free_ > 0; })) return false;
    free_--;
    return true;
  }

  void leave() {
    {
      const std::lock_guard<std::mutex> guard(mutex_);
      free_++;
    }
    left_.notify_one();
  }

 private:
  /** Guards free_. */
  std::mutex mutex_;
  std::condition_variable left_;
  unsigned free_;
};

}  // namespace spdk_nvme
