#include "native/core/process/exit_guard.h"

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <vector>

#include "native/core/base/elapsed.h"
#include "native/core/base/owned_thread.h"
#include "native/core/process/environment.h"

namespace spdk_nvme {

namespace {

constexpr std::chrono::milliseconds kExitLimit{1'500};

/** Guards the environments to close. Never destroyed: the handler runs while static objects are. */
struct Guarded {
  std::mutex mutex;
  std::vector<std::weak_ptr<Environment>> environments;
  std::atomic<int> opening{0};
  /** A forked process has none of our threads and nothing to close. */
  const pid_t process = getpid();
};

Guarded& guarded() {
  static auto* const instance = new Guarded();
  return *instance;
}

/** Ends the process immediately, before static objects are destroyed under a running thread. */
void cut_off(int status) {
  fflush(nullptr);
  _exit(status);
}

std::vector<std::shared_ptr<Environment>> open_environments() {
  std::vector<std::shared_ptr<Environment>> open;
  const std::lock_guard<std::mutex> guard(guarded().mutex);
  for (const auto& one : guarded().environments) {
    if (auto environment = one.lock()) open.push_back(std::move(environment));
  }
  return open;
}

void on_process_exit(int status, void* /*unused*/) {
  if (getpid() != guarded().process) return;
  if (guarded().opening > 0) cut_off(status);
  const auto environments = open_environments();
  const auto deadline = std::chrono::steady_clock::now() + kExitLimit;
  // Together, so that one whose target hangs takes no time from the others.
  for (const auto& environment : environments) environment->begin_close(kExitLimit);
  bool clean = true;
  for (const auto& environment : environments) clean &= environment->close(until(deadline));
  if (!clean) cut_off(status);
  if (OwnedThread::abandoned() > 0) cut_off(status);
}

void register_handler() {
  static std::once_flag once;
  std::call_once(once, [] { on_exit(on_process_exit, nullptr); });
}

}  // namespace

void close_at_exit(const std::shared_ptr<Environment>& environment) {
  register_handler();
  const std::lock_guard<std::mutex> guard(guarded().mutex);
  auto& all = guarded().environments;
  std::erase_if(all, [](const auto& one) { return one.expired(); });
  all.push_back(environment);
}

OpeningScope::OpeningScope() {
  register_handler();
  guarded().opening++;
}

OpeningScope::~OpeningScope() {
  guarded().opening--;
}

}  // namespace spdk_nvme
