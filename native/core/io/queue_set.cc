#include "native/core/io/queue_set.h"

#include <algorithm>

#include "native/core/base/backoff.h"
#include "native/core/diagnostics/log.h"

namespace spdk_nvme {

namespace {

/** A poller also serves other controllers: if the lock is not free within this time, it tries again in its next turn. */
constexpr std::chrono::microseconds kPatience{500};

}  // namespace

bool QueueSet::connect(uint32_t queue_depth, Clock::time_point deadline, const StopRequest* stop) {
  for (const auto& ring : rings_) {
    ring->bind(controller_, queue_depth);
    if (!pairs_.connect(queue_depth)) return false;
  }
  using Connection = spdk::PolledQueuePairs::Connection;
  auto connection = pairs_.connection();
  const Backoff backoff;
  while (connection == Connection::pending && Clock::now() < deadline) {
    if (stop != nullptr && stop->at_least(StopRequest::Level::detach)) return false;
    pairs_.poll();
    backoff.pause();
    connection = pairs_.connection();
  }
  return connection == Connection::established;
}

QueueSet::Turn QueueSet::poll() {
  const LogScope scope(history_.get());
  if (pairs_.disconnect_requested()) return disconnect_step();
  return serve();
}

QueueSet::Turn QueueSet::serve() {
  Turn turn;
  if (disturbed_.load(std::memory_order_relaxed)) {
    // The lock may be held for long: the next connection is made.
    if (freed()) return {};
    const LingerLock::ExclusiveGuard alone(*linger_, kPatience);
    if (alone.held()) {
      turn = poll_pairs(thread_);
    } else {
      stats_->of(thread_).lock_waits++;
      turn.hot = true;
    }
  } else {
    turn = serve_shared(thread_);
  }
  report_loss();
  return turn;
}

QueueSet::Turn QueueSet::visit(size_t thread, Clock::time_point now) {
  note_look(now);
  if (!open_to_visits()) return {};
  const LogScope scope(history_.get());
  const Turn turn = serve_shared(thread);
  report_loss();
  return turn;
}

QueueSet::Turn QueueSet::serve_shared(size_t thread) {
  // The exclusive holder ends queue pairs, which takes milliseconds, so this is not hot.
  const LingerLock::SharedGuard together(*linger_, thread, std::try_to_lock);
  if (!together.held()) {
    stats_->of(thread).lock_waits++;
    return {.missed = true};
  }
  const std::unique_lock<std::mutex> one(polling_, std::try_to_lock);
  // The other thread polls, or has found a failure since this one looked: a poll is exclusive from then on.
  if (!one.owns_lock() || disturbed_.load(std::memory_order_relaxed)) return {.hot = true, .missed = true};
  return poll_pairs(thread);
}

/** Reports a loss. Only one thread does so, and none under a lock. */
void QueueSet::report_loss() {
  if (!disturbed_.load(std::memory_order_relaxed) || !on_failure) return;
  if (loss_reported_.exchange(true, std::memory_order_relaxed)) return;
  history_->add(HistoryEvent::Kind::connection_lost, "the connection of an I/O queue pair is lost");
  on_failure();
}

/** The caller holds the linger lock exclusively, or shared and polling_. */
QueueSet::Turn QueueSet::poll_pairs(size_t thread) {
  if (freed()) return {};
  IoStats::Thread& counts = stats_->of(thread);
  for (size_t i = 0; i < rings_.size(); i++) rings_[i]->submit(pairs_[i]);
  counts.polls++;
  const int64_t result = pairs_.poll();
  bool busy = false;
  for (const auto& ring : rings_) {
    busy |= ring->busy();
    ring->note_rest();
    ring->notify();
  }
  // A queue pair that has just failed is destroyed by a later poll at the earliest, which is then exclusive.
  if (result < 0 || pairs_.disturbed()) disturbed_.store(true, std::memory_order_relaxed);
  const bool worked = result > 0;
  if (!worked) counts.idle_polls++;
  return {.worked = worked, .hot = busy, .completions = worked ? static_cast<uint64_t>(result) : 0};
}

QueueSet::Turn QueueSet::disconnect_step() {
  if (freed()) return {};
  const LingerLock::ExclusiveGuard alone(*linger_, kPatience);
  if (!alone.held()) return {.hot = true};
  if (freed()) return {};
  if (serving()) {
    pairs_.disconnect();
    phase_.store(Phase::disconnecting, std::memory_order_release);
  }
  pairs_.poll();
  if (pairs_.disconnected()) free();
  return {.hot = true};
}

bool QueueSet::wake_requested() const {
  return std::any_of(rings_.begin(), rings_.end(), [](const auto& ring) { return ring->wake_requested(); });
}

bool QueueSet::at_rest() const {
  return open_to_visits() &&
         std::all_of(rings_.begin(), rings_.end(), [](const auto& ring) { return ring->at_rest(); });
}

uint64_t QueueSet::in_flight() const {
  uint64_t sum = 0;
  for (const auto& ring : rings_) sum += ring->in_flight();
  return sum;
}

void QueueSet::for_each_piece(size_t index, uint32_t slot,
                              const std::function<void(spdk_nvme_qpair* queue_pair, void* context)>& call) {
  if (!serving()) return;
  rings_[index]->for_each_piece(slot, [&](void* context) { call(pairs_[index], context); });
  rings_[index]->notify();
}

void QueueSet::for_each_pair(const std::function<void(spdk_nvme_qpair* queue_pair)>& call) {
  if (!serving()) return;
  for (size_t i = 0; i < rings_.size(); i++) call(pairs_[i]);
}

void QueueSet::disconnect_and_free() {
  pairs_.disconnect();
  const Backoff backoff;
  while (!pairs_.disconnected()) {
    pairs_.poll();
    backoff.pause();
  }
  free();
}

/** Frees the queue pairs. SPDK aborts their outstanding commands. */
void QueueSet::free() {
  pairs_.free();
  for (const auto& ring : rings_) {
    ring->lost_queue_pair();
    ring->notify();
  }
  phase_.store(Phase::freed, std::memory_order_release);
}

std::vector<spdk::TransportStats> QueueSet::transport_stats() {
  return pairs_.transport_stats(*linger_, kPatience);
}

}  // namespace spdk_nvme
