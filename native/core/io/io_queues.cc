#include "native/core/io/io_queues.h"

#include <algorithm>
#include <bit>

namespace spdk_nvme {

void IoQueues::make(uint32_t count, uint32_t queue_depth) {
  const auto& pollers = services_.pollers;
  const size_t first_poller = services_.next_poller.fetch_add(count);
  // A poller's queue pairs are next to each other, since it serves them in one set.
  const size_t threads = std::min<size_t>(pollers.size(), count);
  for (size_t i = 0; i < count; i++) {
    const auto ring = std::make_shared<IoRing>(services_.memory, std::bit_ceil(queue_depth));
    ring->on_completions = on_completions_;
    Poller* poller = nullptr;
    if (polling_ != PollingMode::javascript) {
      poller = pollers[(first_poller + i * threads / count) % pollers.size()].get();
    }
    std::shared_ptr<JsQueueSet> js_set;
    if (polling_ != PollingMode::threads) {
      const bool same = i > 0 && queue_pairs_.back().poller == poller;
      js_set = same ? queue_pairs_.back().js_set
                    : std::make_shared<JsQueueSet>(services_.javascript_thread(), poller);
    }
    queue_pairs_.push_back({ring, poller, std::move(js_set)});
  }
}

std::vector<IoQueues::Share> IoQueues::shares() const {
  std::vector<Share> all;
  const Poller* last = nullptr;
  for (const QueuePair& pair : queue_pairs_) {
    if (all.empty() || pair.poller != last) {
      all.push_back({pair.poller == nullptr ? services_.javascript_thread() : pair.poller->index(), {}});
    }
    all.back().rings.push_back(pair.ring);
    last = pair.poller;
  }
  return all;
}

void IoQueues::serve(const std::vector<std::shared_ptr<QueueSet>>& sets) {
  // The sets have the order of shares().
  auto set = sets.begin();
  for (size_t i = 0; i < queue_pairs_.size(); i++) {
    const QueuePair& pair = queue_pairs_[i];
    if (i > 0 && queue_pairs_[i - 1].poller == pair.poller) continue;
    if (pair.js_set) pair.js_set->replace(*set);
    if (pair.poller != nullptr) pair.poller->add(*set, pair.js_set != nullptr);
    ++set;
  }
}

void IoQueues::wake_pollers() {
  for (const auto& poller : services_.pollers) poller->look();
}

void IoQueues::look() {
  if (polling_ != PollingMode::javascript) return wake_pollers();
  if (on_completions_) on_completions_();
}

void IoQueues::set_namespaces(const std::shared_ptr<const NamespaceTable>& namespaces) {
  for (const QueuePair& pair : queue_pairs_) pair.ring->set_namespaces(namespaces);
}

void IoQueues::set_requeue(bool requeue) {
  for (const QueuePair& pair : queue_pairs_) pair.ring->set_requeue(requeue);
}

void IoQueues::settle_cancelled() {
  for (const QueuePair& pair : queue_pairs_) {
    pair.ring->settle_cancelled();
    pair.ring->notify();
  }
}

void IoQueues::fail_pending(int error_number) {
  for (const QueuePair& pair : queue_pairs_) {
    pair.ring->fail_pending(error_number);
    pair.ring->notify();
  }
}

uint64_t IoQueues::pending() const {
  uint64_t total = 0;
  for (const QueuePair& pair : queue_pairs_) total += pair.ring->pending();
  return total;
}

void IoQueues::stop_reporting() {
  on_completions_ = nullptr;
  for (const QueuePair& pair : queue_pairs_) pair.ring->on_completions = nullptr;
}

}  // namespace spdk_nvme
