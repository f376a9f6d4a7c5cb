#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

namespace spdk_nvme {

/**
 * The task of closing an environment, for the thread that opened it. The thread waits for it as long as the
 * environment is open, so that closing needs no new thread, which the system might not allow. Thread: any.
 */
class ClosingTask {
 public:
  /** Passes the task to the thread. False if there was one before, or the thread no longer waits. */
  [[nodiscard]] bool give(std::function<void()> task) {
    const std::lock_guard<std::mutex> guard(mutex_);
    if (std::exchange(given_, true)) return false;
    task_ = std::move(task);
    changed_.notify_one();
    return true;
  }

  /** Ends the wait without a task: the Node.js environment ends, or nothing was opened. */
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
