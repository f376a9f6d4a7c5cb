#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

namespace spdk_nvme {

/** Work sent to one thread by any other, in order; the thread sleeps on it when it has nothing else to do. */
class Mailbox {
 public:
  using Task = std::function<void()>;

  /** Any thread. */
  void post(Task task) {
    {
      const std::lock_guard<std::mutex> guard(mutex_);
      tasks_.push_back(std::move(task));
      filled_.store(true, std::memory_order_release);
    }
    nudge();
  }

  /** Ends the owner's sleep, or keeps it from falling asleep, without a task. Cheap when it is awake. Any
   * thread. */
  void nudge() {
    // Sequentially consistent on both sides: either the owner sees the nudge, or this thread sees it asleep.
    nudged_.store(true, std::memory_order_seq_cst);
    if (!asleep_.load(std::memory_order_seq_cst)) return;
    const std::lock_guard<std::mutex> guard(mutex_);
    wake_.notify_one();
  }

  /** Runs what has been posted, on the owning thread. True when there was something. */
  bool run() {
    if (!filled_.load(std::memory_order_acquire)) return false;
    std::vector<Task> batch;
    {
      const std::lock_guard<std::mutex> guard(mutex_);
      batch.swap(tasks_);
      filled_.store(false, std::memory_order_release);
    }
    for (Task& task : batch) task();
    return !batch.empty();
  }

  /** Sleeps until a post or a nudge, or until the time is over, on the owning thread. */
  void sleep(std::chrono::microseconds time) {
    std::unique_lock<std::mutex> guard(mutex_);
    asleep_.store(true, std::memory_order_seq_cst);
    wake_.wait_for(guard, time, [this] { return nudged_.load(std::memory_order_seq_cst); });
    asleep_.store(false, std::memory_order_relaxed);
    nudged_.store(false, std::memory_order_relaxed);
  }

 private:
  /** Guards tasks_. */
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Task> tasks_;
  /** Whether tasks_ holds something, readable without the mutex. */
  std::atomic<bool> filled_{false};
  /** Something has happened since the owner last slept. */
  std::atomic<bool> nudged_{false};
  std::atomic<bool> asleep_{false};
};

}  // namespace spdk_nvme
