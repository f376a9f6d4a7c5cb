#include "queue_set.h"

#include <thread>

namespace spdk_nvme {

namespace {

/** A poller serves other controllers too: if the lock is not to be had in this time, it comes back next turn. */
constexpr std::chrono::microseconds kPatience{500};

}  // namespace

bool QueueSet::connect(uint32_t count, uint32_t queue_depth, std::chrono::steady_clock::time_point deadline) {
  for (uint32_t i = 0; i < count; i++) {
    if (!pairs_.connect(queue_depth)) return false;
  }
  using Connection = spdk::PolledQueuePairs::Connection;
  auto connection = pairs_.connection();
  while (connection == Connection::pending && std::chrono::steady_clock::now() < deadline) {
    pairs_.poll();
    std::this_thread::yield();
    connection = pairs_.connection();
  }
  return connection == Connection::established;
}

QueueSet::Turn QueueSet::poll() {
  if (phase() == Phase::released) return {};
  if (release_requested_.load(std::memory_order_acquire)) return release();
  return serve();
}

QueueSet::Turn QueueSet::serve() {
  int64_t result = 0;
  if (disturbed_) {
    const ExclusiveLinger alone(linger_, kPatience);
    if (!alone.held()) return {.worked = false, .hot = true};
    result = pairs_.poll();
  } else {
    const SharedLinger together(linger_, poller_, std::try_to_lock);
    if (!together.held()) return {.worked = false, .hot = true};
    result = pairs_.poll();
    // A queue pair that has just failed is destroyed by a later poll at the earliest.
    if (result < 0 || pairs_.disturbed()) disturbed_ = true;
  }
  if (disturbed_ && on_failure) {
    on_failure();
    on_failure = nullptr;
  }
  return {.worked = result > 0, .hot = false};
}

QueueSet::Turn QueueSet::release() {
  const ExclusiveLinger alone(linger_, kPatience);
  if (!alone.held()) return {.worked = false, .hot = true};
  if (phase() == Phase::serving) {
    pairs_.disconnect();
    phase_.store(Phase::disconnecting, std::memory_order_release);
  }
  pairs_.poll();
  if (pairs_.disconnected()) {
    pairs_.free();
    phase_.store(Phase::released, std::memory_order_release);
  }
  return {.worked = false, .hot = true};
}

void QueueSet::free_in_place() {
  pairs_.free();
  phase_.store(Phase::released, std::memory_order_release);
}

}  // namespace spdk_nvme
