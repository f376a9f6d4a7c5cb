#include "native/core/base/control_threads.h"

#include <algorithm>
#include <condition_variable>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "native/core/base/alarm.h"
#include "native/core/base/elapsed.h"
#include "native/core/base/owned_thread.h"
#include "native/core/base/shared_time.h"

namespace spdk_nvme {

namespace {

using namespace std::chrono_literals;
using Clock = TurnTask::Clock;

/** A turn that has lasted this long counts as one that may last much longer. */
constexpr auto kLate = 5ms;
/** How often the watcher looks for timers that are held up, while no thread waits for them. */
constexpr auto kWatchInterval = 250ms;
/** The clock's largest value overflows in the kernel. */
constexpr auto kLongestWait = 1h;

}  // namespace

struct ControlThreads::Thread {
  std::optional<OwnedThread> thread;
  // Guarded by the mutex of State.
  /** When the thread's turn began; nothing between turns. */
  std::optional<Clock::time_point> turn_began;
};

struct ControlThreads::State : std::enable_shared_from_this<State> {
  explicit State(std::function<void()> call) : before_rest(std::move(call)) {}

  void start_thread();
  void work(Thread& me);
  void make_turn(Thread& me, std::unique_lock<std::mutex>& guard, Clock::time_point now);
  void wait(const std::shared_ptr<Member>& member, Clock::time_point due);
  void wake(Member& member);
  [[nodiscard]] size_t count_due(Clock::time_point now) const;
  void look_in(Clock::duration time, Clock::time_point now);
  void look_at_time(Clock::time_point when);
  Clock::time_point look(Clock::time_point now);
  void watch();

  /** May be null. Called without the mutex. */
  const std::function<void()> before_rest;

  /** Guards what follows. The last to be taken: no task is called under it. */
  mutable std::mutex mutex;
  /** Notified when a turn is due, or the threads are to end. */
  std::condition_variable due;
  /** Notified when a task has ended. */
  std::condition_variable ended;
  /** The tasks whose turn is not being made, the next one first. */
  std::multimap<Clock::time_point, std::shared_ptr<Member>> waiting;
  std::vector<std::shared_ptr<Thread>> threads;
  /** Tasks that have been started and not ended. */
  size_t members = 0;
  /** Threads that wait for `due`. One is enough: others end. */
  size_t idle = 0;
  bool closed = false;
  /** Runs watch() from the first start() on. */
  std::optional<OwnedThread> watcher;
  /** Wakes the watcher. */
  Alarm alarm;
  /** When the watcher is to look. */
  Clock::time_point look_at = Clock::time_point::max();
};

/** Holds: the mutex. */
void ControlThreads::State::start_thread() {
  std::erase_if(threads, [](const auto& one) { return one->thread->finished(); });
  const auto thread = std::make_shared<Thread>();
  thread->thread.emplace("spdk-control", [state = shared_from_this(), thread] { state->work(*thread); });
  threads.push_back(thread);
}

void ControlThreads::State::work(Thread& me) {
  std::unique_lock<std::mutex> guard(mutex);
  bool worked = false;
  for (;;) {
    const auto now = Clock::now();
    if (!waiting.empty() && waiting.begin()->first <= now) {
      make_turn(me, guard, now);
      worked = true;
      continue;
    }
    if (std::exchange(worked, false) && before_rest) {
      guard.unlock();
      before_rest();
      guard.lock();
      continue;
    }
    if (closed || idle > 0) return;
    idle++;
    // A turn that is due has a thread.
    look_at_time(Clock::time_point::max());
    // A copy: the list may have changed when the wait reads it.
    auto until = now + kLongestWait;
    if (!waiting.empty()) until = std::min(until, waiting.begin()->first);
    due.wait_until(guard, until);
    idle--;
  }
}

/** Makes the turn of the first task that waits. */
void ControlThreads::State::make_turn(Thread& me, std::unique_lock<std::mutex>& guard,
                                      Clock::time_point now) {
  const auto member = std::move(waiting.begin()->second);
  waiting.erase(waiting.begin());
  member->phase_ = Member::Phase::running;
  member->again_ = false;
  member->thread_id_.store(me.thread->id(), std::memory_order_release);
  me.turn_began = now;
  if (idle == 0) look_in(kWatchInterval, now);
  guard.unlock();

  const auto next = member->task_->turn();
  // Destroyed before its end is reported.
  if (next == TurnTask::kEnded) std::exchange(member->task_, nullptr).reset();

  guard.lock();
  me.turn_began.reset();
  member->thread_id_.store(0, std::memory_order_release);
  if (next == TurnTask::kEnded) {
    member->phase_ = Member::Phase::ended;
    members--;
    member->ended_.store(true, std::memory_order_release);
    ended.notify_all();
  } else {
    const auto then = Clock::now();
    wait(member, member->again_ ? then : shared_time(next, then));
  }
}

/** Holds: the mutex. */
void ControlThreads::State::wait(const std::shared_ptr<Member>& member, Clock::time_point when) {
  member->phase_ = Member::Phase::waiting;
  member->due_ = when;
  waiting.emplace(when, member);
  // The idle thread waits for what was the first until now.
  if (idle > 0 && waiting.begin()->second == member) due.notify_one();
}

void ControlThreads::State::wake(Member& member) {
  const std::lock_guard<std::mutex> guard(mutex);
  const auto now = Clock::now();
  if (member.phase_ == Member::Phase::running) member.again_ = true;
  if (member.phase_ != Member::Phase::waiting || member.due_ <= now) return;
  const auto [first, last] = waiting.equal_range(member.due_);
  const auto found = std::find_if(first, last, [&](const auto& one) { return one.second.get() == &member; });
  const auto again = std::move(found->second);
  waiting.erase(found);
  wait(again, now);
  if (count_due(now) > idle) look_in(kLate, now);
}

/** Holds: the mutex. */
size_t ControlThreads::State::count_due(Clock::time_point now) const {
  return std::distance(waiting.begin(), waiting.upper_bound(now));
}

/** The watcher looks after this time at the latest. Holds: the mutex. */
void ControlThreads::State::look_in(Clock::duration time, Clock::time_point now) {
  if (now + time < look_at) look_at_time(now + time);
}

/** Holds: the mutex. */
void ControlThreads::State::look_at_time(Clock::time_point when) {
  if (when == look_at) return;
  look_at = when;
  alarm.set(when);
}

void ControlThreads::State::watch() {
  std::unique_lock<std::mutex> guard(mutex);
  while (!closed) {
    const auto now = Clock::now();
    if (look_at <= now) look_at_time(look(now));
    guard.unlock();
    alarm.wait();
    guard.lock();
  }
}

/**
 * Starts threads if turns are due, and all threads make turns that take long. Returns when to look again. Watcher; holds:
 * the mutex.
 */
Clock::time_point ControlThreads::State::look(Clock::time_point now) {
  const size_t held_up = count_due(now);
  if (idle > 0 || members == 0) return Clock::time_point::max();
  if (held_up == 0) return now + kWatchInterval;
  for (const auto& one : threads) {
    if (one->turn_began && *one->turn_began > now - kLate) return *one->turn_began + kLate;
  }
  try {
    // Each may take as long as those before it, such as a detach from an unresponsive target.
    for (size_t i = 0; i < held_up; i++) start_thread();
  } catch (const std::system_error&) {
    // The process has reached its limit of threads, perhaps not for long.
  }
  return now + kWatchInterval;
}

ControlThreads::ControlThreads(std::function<void()> before_rest)
    : state_(std::make_shared<State>(std::move(before_rest))) {}

ControlThreads::~ControlThreads() {
  join_for(0ms);
}

std::shared_ptr<ControlThreads::Member> ControlThreads::make_member() const {
  return std::shared_ptr<Member>(new Member(state_));
}

void ControlThreads::start(const std::shared_ptr<Member>& member, std::shared_ptr<TurnTask> task) {
  State& state = *state_;
  const std::lock_guard<std::mutex> guard(state.mutex);
  const auto now = Clock::now();
  if (!state.watcher) state.watcher.emplace("spdk-watch", [kept = state_] { kept->watch(); });
  // A thread for each: these turns take long.
  if (state.count_due(now) >= state.idle) state.start_thread();
  member->task_ = std::move(task);
  state.members++;
  state.wait(member, now);
  state.look_in(kWatchInterval, now);
}

size_t ControlThreads::threads() const {
  const std::lock_guard<std::mutex> guard(state_->mutex);
  return std::ranges::count_if(state_->threads, [](const auto& one) { return !one->thread->finished(); });
}

bool ControlThreads::join_for(std::chrono::milliseconds limit) {
  std::vector<std::shared_ptr<Thread>> threads;
  {
    const std::lock_guard<std::mutex> guard(state_->mutex);
    state_->closed = true;
    threads.swap(state_->threads);
    state_->due.notify_all();
    state_->alarm.set({});
  }
  const auto deadline = Clock::now() + limit;
  // Only start() changes the watcher, and it is not called any more.
  bool all = !state_->watcher || state_->watcher->join_for(until(deadline));
  if (all) {
    // A thread that is abandoned may still set it.
    const std::lock_guard<std::mutex> guard(state_->mutex);
    state_->alarm.end();
  }
  for (const auto& one : threads) all &= one->thread->join_for(until(deadline));
  return all;
}

void ControlThreads::Member::wake() {
  state_->wake(*this);
}

bool ControlThreads::Member::wait_for_end(std::chrono::milliseconds limit) const {
  std::unique_lock<std::mutex> guard(state_->mutex);
  return state_->ended.wait_for(guard, limit, [this] { return ended(); });
}

}  // namespace spdk_nvme
