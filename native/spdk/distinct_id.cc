#include "native/spdk/distinct_id.h"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <vector>

namespace spdk_nvme::spdk {

namespace {

/** Guards g_taken: the ids in use in this process, by any environment. */
std::mutex g_mutex;
std::vector<const spdk_nvme_transport_id*> g_taken;

bool is_taken(const spdk_nvme_transport_id& id) {
  return std::ranges::any_of(
      g_taken, [&id](const auto* other) { return spdk_nvme_transport_id_compare(other, &id) == 0; });
}

}  // namespace

DistinctId::DistinctId(const spdk_nvme_transport_id& id) : id_(id) {
  const std::lock_guard<std::mutex> guard(g_mutex);
  while (is_taken(id_)) {
    const size_t with_end = strnlen(id_.trsvcid, sizeof(id_.trsvcid)) + 1;
    if (with_end >= sizeof(id_.trsvcid)) return;
    memmove(id_.trsvcid + 1, id_.trsvcid, with_end);
    id_.trsvcid[0] = '0';
  }
  granted_ = true;
  g_taken.push_back(&id_);
}

DistinctId::~DistinctId() {
  const std::lock_guard<std::mutex> guard(g_mutex);
  std::erase(g_taken, &id_);
}

}  // namespace spdk_nvme::spdk
