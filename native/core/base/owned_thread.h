#pragma once

#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "native/core/base/status.h"
#include "native/core/base/thread_name.h"

namespace spdk_nvme {

/** The status of a thread that could not be started: nothing has happened, and a later attempt may succeed. */
inline Status no_threads(const std::system_error& why) {
  return Status::failure(
      "ERR_SPDK_NO_THREADS",
      "this process has reached its limit of threads; see `ulimit -u`, and pids.max of its "
      "cgroup (TasksMax in a systemd unit)",
      why.code().value());
}

/**
 * A named thread whose owner can wait for its end with a limit. A thread to which SPDK never returns cannot be
 * joined: after the limit its owner abandons it, and the captures of its body stay alive as long as it runs.
 */
class OwnedThread {
 public:
  /** @throws std::system_error if the process has reached its limit of threads; see no_threads(). */
  OwnedThread(const std::string& name, std::function<void()> body)
      : done_(std::make_shared<Done>()), thread_([name, done = done_, body = std::move(body)]() mutable {
          name_this_thread(name);
          done->id.store(gettid(), std::memory_order_release);
          body();
          // Its captures are destroyed before the end of the thread is reported.
          body = nullptr;
          done->id.store(0, std::memory_order_release);
          done->set();
        }) {}

  ~OwnedThread() { join_for(std::chrono::milliseconds(0)); }
  OwnedThread(const OwnedThread&) = delete;
  OwnedThread& operator=(const OwnedThread&) = delete;

  /** How many abandoned threads of this process still run. Thread: any. */
  [[nodiscard]] static int abandoned() { return abandoned_count().load(std::memory_order_acquire); }

  [[nodiscard]] bool finished() const { return done_->flag.load(std::memory_order_acquire); }

  /** The kernel's number of the thread; 0 before and after its body. Thread: any. */
  [[nodiscard]] pid_t id() const { return done_->id.load(std::memory_order_acquire); }

  /** Waits for the thread to end. After the limit the thread is abandoned; returns false. */
  bool join_for(std::chrono::milliseconds limit) {
    if (!thread_.joinable()) return true;
    if (done_->wait(limit)) {
      thread_.join();
      return true;
    }
    thread_.detach();
    return false;
  }

 private:
  static std::atomic<int>& abandoned_count() {
    static std::atomic<int> count{0};
    return count;
  }

  struct Done {
    std::mutex mutex;
    std::condition_variable changed;
    std::atomic<bool> flag{false};
    bool abandoned = false;
    std::atomic<pid_t> id{0};
    void set() {
      // Notified under the mutex: the waiter may destroy all this as soon as it sees the flag.
      const std::lock_guard<std::mutex> guard(mutex);
      flag.store(true, std::memory_order_release);
      if (abandoned) abandoned_count()--;
      changed.notify_all();
    }
    /** Waits for the end of the thread. False after the limit; it is not called again then. */
    bool wait(std::chrono::milliseconds limit) {
      std::unique_lock<std::mutex> guard(mutex);
      if (changed.wait_for(guard, limit, [this] { return flag.load(std::memory_order_acquire); }))
        return true;
      abandoned = true;
      abandoned_count()++;
      return false;
    }
  };

  std::shared_ptr<Done> done_;
  std::thread thread_;
};

}  // namespace spdk_nvme
