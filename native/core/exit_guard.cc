#include "exit_guard.h"

#include <chrono>
#include <cstdlib>
#include <mutex>

#include "environment.h"

namespace spdk_nvme {

namespace {

constexpr std::chrono::milliseconds kExitLimit{1'500};

/** Guards the environment to close. Never destroyed: the handler runs while static objects are. */
struct Guarded {
  std::mutex mutex;
  std::weak_ptr<Environment> environment;
};

Guarded& guarded() {
  static auto* const instance = new Guarded();
  return *instance;
}

void close_now() {
  std::shared_ptr<Environment> environment;
  {
    const std::lock_guard<std::mutex> guard(guarded().mutex);
    environment = guarded().environment.lock();
  }
  if (environment) environment->close(kExitLimit);
}

}  // namespace

void close_at_exit(const std::shared_ptr<Environment>& environment) {
  static std::once_flag once;
  std::call_once(once, [] { std::atexit(close_now); });
  const std::lock_guard<std::mutex> guard(guarded().mutex);
  guarded().environment = environment;
}

}  // namespace spdk_nvme
