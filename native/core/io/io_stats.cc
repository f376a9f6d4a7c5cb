#include "native/core/io/io_stats.h"

#include <iterator>
#include <utility>

#include "native/core/io/queue_set.h"

namespace spdk_nvme {

void IoStats::add(QueueSet* set) {
  const std::lock_guard<std::mutex> guard(mutex_);
  sets_.push_back(set);
  of(set->thread()).sets++;
}

void IoStats::remove(QueueSet* set) {
  const std::lock_guard<std::mutex> guard(mutex_);
  std::erase(sets_, set);
}

std::vector<spdk::TransportStats> IoStats::transport() {
  std::vector<spdk::TransportStats> all;
  const std::lock_guard<std::mutex> guard(mutex_);
  for (QueueSet* set : sets_) {
    auto some = set->transport_stats();
    std::move(some.begin(), some.end(), std::back_inserter(all));
  }
  return all;
}

}  // namespace spdk_nvme
