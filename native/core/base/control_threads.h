#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <utility>

namespace spdk_nvme {

/** Work that is done in turns, each by one thread, though not always the same. */
class TurnTask {
 public:
  using Clock = std::chrono::steady_clock;

  TurnTask() = default;
  TurnTask(const TurnTask&) = delete;
  TurnTask& operator=(const TurnTask&) = delete;
  virtual ~TurnTask() = default;

  /**
   * Does what there is to do; may take as long as it needs: other tasks do not wait. Returns when the next turn is
   * due unless it is woken before, `time_point::max()` for only then, or `kEnded`.
   */
  virtual Clock::time_point turn() = 0;

  static constexpr auto kEnded = Clock::time_point::min();
};

/**
 * A few threads that make the turns of many tasks. One thread is enough as long as turns are short. When one takes
 * long, another thread serves the other tasks until it is over; docs/internals/control-threads.md has the rules.
 */
class ControlThreads {
  struct State;
  struct Thread;

 public:
  using Clock = TurnTask::Clock;

  /** A task among the others. Thread: any. */
  class Member {
   public:
    /** Makes the next turn due now; during a turn, one more follows it. */
    void wake();
    [[nodiscard]] bool ended() const { return ended_.load(std::memory_order_acquire); }
    /** Waits for the end of the task. False when it has not come by then. */
    [[nodiscard]] bool wait_for_end(std::chrono::milliseconds limit) const;
    /** The kernel's number of the thread that makes its turn now; 0 between turns. */
    [[nodiscard]] pid_t thread_id() const { return thread_id_.load(std::memory_order_acquire); }

   private:
    friend class ControlThreads;
    friend struct State;
    explicit Member(std::shared_ptr<State> state) : state_(std::move(state)) {}

    const std::shared_ptr<State> state_;
    std::atomic<bool> ended_{false};
    std::atomic<pid_t> thread_id_{0};
    // Guarded by the mutex of state_.
    enum class Phase { waiting, running, ended } phase_ = Phase::ended;
    /** When its next turn is due, while it waits. */
    Clock::time_point due_;
    /** Whether it was woken during its turn. */
    bool again_ = false;
    /** Null before start() and after the end. */
    std::shared_ptr<TurnTask> task_;
  };

  /** @param before_rest called by a thread that has made turns and finds no further one due; must not block. May be null */
  explicit ControlThreads(std::function<void()> before_rest = nullptr);
  /** Abandons threads that have not ended. */
  ~ControlThreads();
  ControlThreads(const ControlThreads&) = delete;
  ControlThreads& operator=(const ControlThreads&) = delete;

  /** A member without a task yet, so that the task can be made with what wakes it. */
  [[nodiscard]] std::shared_ptr<Member> make_member() const;
  /**
   * Begins with the task, whose first turn is expected to take long.
   * @throws std::system_error when the process has reached its limit of threads; the task does not begin then
   */
  void start(const std::shared_ptr<Member>& member, std::shared_ptr<TurnTask> task);

  /** The present number of threads. */
  [[nodiscard]] size_t threads() const;

  /**
   * Ends the threads once no turn is due any more; turns that are held up by others are made first. Tasks
   * that are not due get no further turn. False after the limit: then the remaining threads are abandoned.
   */
  bool join_for(std::chrono::milliseconds limit);

 private:
  const std::shared_ptr<State> state_;
};

}  // namespace spdk_nvme
