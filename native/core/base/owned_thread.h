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
#include <thread>
#include <utility>

#include "native/core/base/thread_name.h"

namespace spdk_nvme {

/**
 * A named thread whose owner can wait for its end with a limit. A thread that SPDK never returns to cannot be
 * joined; after the limit its owner lets go of it, and what its body captured stays alive for as long as it
 * runs.
 */
class OwnedThread {
 public:
  OwnedThread(const std::string& name, std::function<void()> body)
      : done_(std::make_shared<Done>()), thread_([name, done = done_, body = std::move(body)] {
          name_this_thread(name);
          done->id.store(gettid(), std::memory_order_release);
          body();
          done->id.store(0, std::memory_order_release);
          done->set();
        }) {}

  ~OwnedThread() { join_for(std::chrono::milliseconds(0)); }
  OwnedThread(const OwnedThread&) = delete;
  OwnedThread& operator=(const OwnedThread&) = delete;

  [[nodiscard]] bool finished() const { return done_->flag.load(std::memory_order_acquire); }

  /** The kernel's number of the thread; 0 before and after its body. Any thread. */
  [[nodiscard]] pid_t id() const { return done_->id.load(std::memory_order_acquire); }

  /** Waits for the thread to end. After the limit it is let go, and false is returned. */
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
  struct Done {
    std::mutex mutex;
    std::condition_variable changed;
    std::atomic<bool> flag{false};
    std::atomic<pid_t> id{0};
    void set() {
      // Notified under the mutex: the waiter may destroy all this as soon as it sees the flag.
      const std::lock_guard<std::mutex> guard(mutex);
      flag.store(true, std::memory_order_release);
      changed.notify_all();
    }
    bool wait(std::chrono::milliseconds limit) {
      std::unique_lock<std::mutex> guard(mutex);
      return changed.wait_for(guard, limit, [this] { return flag.load(std::memory_order_acquire); });
    }
  };

  std::shared_ptr<Done> done_;
  std::thread thread_;
};

}  // namespace spdk_nvme
