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
    if (inline_polling_) {
      // JavaScript that polls sees for itself: a message after every poll would only have it poll once more,
      // and would keep it from everything else that waits in its event loop.
      queue_pairs_.push_back({ring, nullptr, std::make_shared<InlineSet>()});
    } else {
      ring->on_completions = on_completions_;
      const size_t thread = i * threads / count;
      queue_pairs_.push_back({ring, pollers[(first_poller + thread) % pollers.size()].get(), nullptr});
    }
  }
}

std::vector<IoQueues::Share> IoQueues::shares() const {
  std::vector<Share> all;
  const Poller* last = nullptr;
  for (const QueuePair& pair : queue_pairs_) {
    if (pair.poller == nullptr || pair.poller != last) {
      all.push_back({pair.poller == nullptr ? services_.javascript_slot() : pair.poller->index(), {}});
    }
    all.back().rings.push_back(pair.ring);
    last = pair.poller;
  }
  return all;
}

void IoQueues::serve(const std::vector<std::shared_ptr<QueueSet>>& sets) {
  for (size_t i = 0; i < sets.size(); i++) {
    if (inline_polling_) {
      queue_pairs_[i].inline_set->replace(sets[i]);
    } else {
      services_.pollers[sets[i]->slot()]->add(sets[i]);
    }
  }
}

void IoQueues::wake_pollers() {
  for (const auto& poller : services_.pollers) poller->wake();
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
