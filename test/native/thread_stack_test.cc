// Where a thread is, as the thread itself reports it.

#include "native/core/diagnostics/thread_stack.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <fstream>
#include <functional>
#include <iterator>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "native/core/base/owned_thread.h"

namespace spdk_nvme {
namespace {

using namespace std::chrono_literals;

/** What one stuck thread waits for. */
class Gate {
 public:
  void open() {
    {
      const std::lock_guard<std::mutex> guard(mutex_);
      open_ = true;
    }
    changed_.notify_all();
  }
  void wait() {
    std::unique_lock<std::mutex> guard(mutex_);
    reached_ = true;
    changed_.wait(guard, [this] { return open_; });
  }

  [[nodiscard]] bool reached() {
    const std::lock_guard<std::mutex> guard(mutex_);
    return reached_;
  }

 private:
  /** Guards reached_ and open_. */
  std::mutex mutex_;
  std::condition_variable changed_;
  bool reached_ = false;
  bool open_ = false;
};

[[gnu::noinline]] void stuck_until_released(Gate& gate) {
  gate.wait();
}

[[gnu::noinline, maybe_unused]] void spin_until(const std::atomic<bool>& end, std::atomic<bool>& begun) {
  begun = true;
  while (!end.load()) {
  }
}

/** Whether a thread of this process sleeps, as the kernel says. */
bool sleeps(pid_t thread) {
  std::ifstream file("/proc/self/task/" + std::to_string(thread) + "/stat");
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  return text.find(") S ") != std::string::npos;
}

/** A thread that is where the body takes it, till the end of the test. */
class Stuck {
 public:
  explicit Stuck(std::function<void(Gate&)> body)
      : thread_("stuck", [this, body = std::move(body)] { body(gate_); }) {
    while (thread_.id() == 0 || !gate_.reached() || !sleeps(thread_.id())) std::this_thread::yield();
  }
  ~Stuck() {
    gate_.open();
    EXPECT_TRUE(thread_.join_for(10s));
  }
  [[nodiscard]] pid_t id() const { return thread_.id(); }

 private:
  Gate gate_;
  OwnedThread thread_;
};

int on_default_action(int signal) {
  struct sigaction action {};
  sigaction(signal, nullptr, &action);
  return (action.sa_flags & SA_SIGINFO) == 0 && action.sa_handler == SIG_DFL;
}

TEST(ThreadStack, NamesTheFunctionThatAThreadSleepsIn) {
  prepare_thread_stacks();
  const Stuck stuck(stuck_until_released);
  for (int i = 0; i < 3; i++) {
    // On a busy machine it may not have gone back to sleep after it reported the last time.
    while (!sleeps(stuck.id())) std::this_thread::yield();
    const std::string text = describe_thread(stuck.id(), 5s);
    EXPECT_NE(text.find("stuck (thread " + std::to_string(stuck.id()) + ", S"), std::string::npos) << text;
    EXPECT_NE(text.find("stuck_until_released"), std::string::npos) << text;
  }
}

// Under ThreadSanitizer a signal waits until the thread makes a system call.
#ifndef __SANITIZE_THREAD__
TEST(ThreadStack, NamesTheFunctionThatAThreadSpinsIn) {
  std::atomic<bool> end{false};
  std::atomic<bool> begun{false};
  OwnedThread thread("spinning", [&] { spin_until(end, begun); });
  while (thread.id() == 0 || !begun) std::this_thread::yield();
  const std::string text = describe_thread(thread.id(), 5s);
  end = true;
  EXPECT_NE(text.find("spin_until"), std::string::npos) << text;
  EXPECT_TRUE(thread.join_for(10s));
  EXPECT_EQ(thread.id(), 0);
}
#endif

TEST(ThreadStack, ReportsAThreadThatDoesNotRespondAndLeavesItUnharmed) {
  const Stuck stuck([](Gate& gate) {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
    stuck_until_released(gate);
    // The signal arrives now, when nothing waits for the response any more.
    pthread_sigmask(SIG_UNBLOCK, &all, nullptr);
  });
  const auto begun = std::chrono::steady_clock::now();
  const std::string text = describe_thread(stuck.id(), 50ms);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 5s);
  EXPECT_NE(text.find("did not respond"), std::string::npos) << text;
  EXPECT_EQ(text.find("stuck_until_released"), std::string::npos) << text;

  const Stuck other(stuck_until_released);
  EXPECT_NE(describe_thread(other.id(), 5s).find("stuck_until_released"), std::string::npos);
}

TEST(ThreadStack, SaysThatAThreadHasEnded) {
  EXPECT_EQ(describe_thread(1 << 22, 50ms), "thread 4194304 has ended\n");
}

TEST(ThreadStack, LeavesSignalsAloneThatTheProgramHandles) {
  static std::atomic<int> handled{0};
  int free_signals = 0;
  // All that are free now become the program's, the one used so far too.
  for (int signal = SIGRTMIN; signal <= SIGRTMAX; signal++) {
    free_signals += on_default_action(signal);
    struct sigaction action {};
    action.sa_handler = [](int) { handled++; };
    sigaction(signal, &action, nullptr);
  }
  EXPECT_GT(free_signals, 0);
  const Stuck stuck(stuck_until_released);
  EXPECT_NE(describe_thread(stuck.id(), 50ms).find("did not respond"), std::string::npos);
  // One is given back, and is taken.
  signal(SIGRTMIN + 3, SIG_DFL);
  EXPECT_NE(describe_thread(stuck.id(), 5s).find("stuck_until_released"), std::string::npos);
  EXPECT_EQ(handled, 0);
}

}  // namespace
}  // namespace spdk_nvme
