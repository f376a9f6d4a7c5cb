#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

namespace spdk_nvme {

/** Tasks that any thread posts to one thread, run in order. The owning thread sleeps here when it has nothing to do. */
class Mailbox {
 public:
  using Task = std::function<void()>;

  /** @param on_nudge called with each post and nudge: for an owner that does not always sleep here */
  explicit Mailbox(std::function<void()> on_nudge = nullptr) : on_nudge_(std::move(on_nudge)) {}

  /** Sends a task. Once the mailbox is closed, post() runs it itself. Thread: any. */
  void post(Task task) {
    {
      const std::lock_guard<std::mutex> guard(mutex_);
      if (!closed_) tasks_.push_back(std::exchange(task, nullptr));
      filled_.store(!closed_, std::memory_order_release);
    }
    if (task) return task();
    nudge();
  }

  /**
   * Runs the posted tasks for the last time, on the owning thread, once nothing is left for a task to act on.
   * Later tasks run on the threads that post them, so that every call in them settles.
   */
  void close() {
    std::vector<Task> rest;
    {
      const std::lock_guard<std::mutex> guard(mutex_);
      rest.swap(tasks_);
      closed_ = true;
    }
    for (Task& task : rest) task();
  }

  /** Ends the owner's sleep, or prevents the next one, without a task. Cheap while the owner is awake. Thread: any. */
  void nudge() {
    // Sequentially consistent on both sides: either the owner sees the nudge, or this thread sees it asleep.
    nudged_.store(true, std::memory_order_seq_cst);
    if (on_nudge_) on_nudge_();
    if (!asleep_.load(std::memory_order_seq_cst)) return;
    const std::lock_guard<std::mutex> guard(mutex_);
    wake_.notify_one();
  }

  // For an owner that also sleeps by another means, which on_nudge ends.

  /** Whether there was a post or nudge since its last sleep. Thread: any. */
  [[nodiscard]] bool nudged() const { return nudged_.load(std::memory_order_seq_cst); }
  /** Called after such a sleep, before the owner looks what there is to do. Thread: owner. */
  void forget_nudges() { nudged_.store(false, std::memory_order_seq_cst); }

  /** Runs the posted tasks. True if there were any. Thread: owner. */
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

  /** Sleeps until a post or a nudge, or until the time is over. Thread: owner. */
  void sleep(std::chrono::microseconds time) {
    std::unique_lock<std::mutex> guard(mutex_);
    asleep_.store(true, std::memory_order_seq_cst);
    wake_.wait_for(guard, time, [this] { return nudged_.load(std::memory_order_seq_cst); });
    asleep_.store(false, std::memory_order_relaxed);
    nudged_.store(false, std::memory_order_relaxed);
  }

 private:
  const std::function<void()> on_nudge_;
  /** Guards tasks_ and closed_. */
  std::mutex mutex_;
  bool closed_ = false;
  std::condition_variable wake_;
  std::vector<Task> tasks_;
  /** Whether tasks_ is not empty, readable without the mutex. */
  std::atomic<bool> filled_{false};
  /**
   * A post or nudge since the last sleep of the owner. On a cache line apart from filled_, which the
   * owner reads in every turn.
   */
  alignas(64) std::atomic<bool> nudged_{false};
  std::atomic<bool> asleep_{false};
};

}  // namespace spdk_nvme
