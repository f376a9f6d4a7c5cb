#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

namespace spdk_nvme {

/**
 * What the thread that opened an environment waits for: to close it. It waits for as long as the environment
 * is open, so that closing needs no new thread, which the system might not allow. Any thread.
 */
class ClosingTask {
 public:
  /** False when there was one before, or none is waited for any more. */
  [[nodiscard]] bool give(std::function<void()> task) {
    const std::lock_guard<std::mutex> guard(mutex_);
    if (std::exchange(given_, true)) return false;
    task_ = std::move(task);
    changed_.notify_one();
    return true;
  }

  /** None will come: the Node environment ends, or nothing was opened. */
  void give_none() { (void)give(nullptr); }

  /** Waits for the task and runs it. */
  void run() {
    std::function<void()> task;
    {
      std::unique_lock<std::mutex> guard(mutex_);
      changed_.wait(guard, [this] { return given_; });
      task.swap(task_);
    }
    if (task) task();
  }

 private:
  /** Guards what follows. */
  std::mutex mutex_;
  std::condition_variable changed_;
  std::function<void()> task_;
  bool given_ = false;
};

}  // namespace spdk_nvme
