#include "native/core/io/dma_memory.h"

#include <spdk/env.h>

#include "native/spdk/interpose/memory_registration.h"

namespace spdk_nvme {

namespace {

constexpr size_t kPage = 4096;
/**
 * What a buffer must leave of the memory. Without any, SPDK cannot read the namespaces when a controller reports a change: it drops the
 * report, and the controller makes no further one.
 */
constexpr size_t kLeftToSpdk = 32U << 10;
/** At least what DPDK's heap puts in front of a piece of memory. */
constexpr size_t kHeapHeader = 128;

/**
 * As much as a piece takes of the heap up to the next one, which begins at a page, too. Otherwise DPDK keeps the rest as a free
 * piece of its own, in which no page begins, and every later allocation looks at all of these: with 10,000 buffers each takes
 * a tenth of a millisecond or more.
 */
constexpr size_t whole_gap(size_t size) {
  return (size + kHeapHeader + kPage - 1) / kPage * kPage - kHeapHeader;
}

/** Whether as much is left, or can be taken from the system. */
bool is_left(size_t size) {
  void* const probe = spdk_malloc(size, 0, nullptr, SPDK_ENV_SOCKET_ID_ANY, SPDK_MALLOC_DMA);
  if (probe != nullptr) spdk_free(probe);
  return probe != nullptr;
}

}  // namespace

bool DmaMemory::allocate(size_t size, uint32_t& id) {
  if (free_ids_.empty() && next_id_ == kMaxRegions) return false;
  const uint64_t failures = spdk::failed_registrations;
  auto* base = static_cast<uint8_t*>(
      spdk_zmalloc(whole_gap(size), kPage, nullptr, SPDK_ENV_SOCKET_ID_ANY, SPDK_MALLOC_DMA));
  if (base == nullptr) return false;
  // New hugepages that cannot be registered with an RDMA device are released to the system.
  if (spdk::failed_registrations != failures || !is_left(kLeftToSpdk)) {
    spdk_free(base);
    return false;
  }
  if (free_ids_.empty()) {
    id = next_id_++;
  } else {
    id = free_ids_.back();
    free_ids_.pop_back();
  }
  regions_[id] = {.base = base, .size = size, .serial = ++last_serial_};
  allocated_bytes_ += size;
  return true;
}

DmaMemory::~DmaMemory() {
  for (const Region& region : regions_) {
    if (region.base != nullptr) spdk_free(region.base);
  }
}

void DmaMemory::drop(uint32_t id) {
  if (pins_[id] == 0 && !kept_.load(std::memory_order_acquire)) {
    free(id);
  } else {
    pins_[id] |= kDropped;
  }
}

void DmaMemory::free_unpinned(uint32_t id) {
  if (kept_.load(std::memory_order_acquire)) return;
  if (id < kMaxRegions && pins_[id] == kDropped) free(id);
}

void DmaMemory::free(uint32_t id) {
  spdk_free(regions_[id].base);
  allocated_bytes_ -= regions_[id].size;
  regions_[id] = {};
  pins_[id] = 0;
  free_ids_.push_back(id);
}

}  // namespace spdk_nvme
