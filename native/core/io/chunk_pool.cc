#include "native/core/io/chunk_pool.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace spdk_nvme {

namespace {

/** A huge page: one page fault for 2 MiB, where the system allows that. */
constexpr size_t kHugePage = size_t{2} << 20;
/** About what V8 allocates before it collects what became unreachable. */
constexpr size_t kMaxFreeBytes = size_t{128} << 20;

}  // namespace

ChunkPool::ChunkPool(size_t bytes) : bytes_(bytes), max_free_(std::max<size_t>(1, kMaxFreeBytes / bytes)) {}

ChunkPool::Chunk ChunkPool::take() {
  if (free_.empty()) grow();
  if (free_.empty()) return nullptr;
  Chunk chunk = std::move(free_.back());
  free_.pop_back();
  return chunk;
}

void ChunkPool::give(Chunk chunk) {
  if (free_.size() < max_free_) free_.push_back(std::move(chunk));
}

void ChunkPool::close() {
  max_free_ = 0;
  free_.clear();
}

/** Adds as many chunks as fit into the fewest huge pages for one. */
void ChunkPool::grow() {
  const size_t size = (bytes_ + kHugePage - 1) / kHugePage * kHugePage;
  void* memory = std::aligned_alloc(kHugePage, size);
  if (memory == nullptr) return;
  const std::shared_ptr<void> slab(memory, std::free);
  // Advice only: without huge pages the memory is as good, but slower at its first use.
  static_cast<void>(madvise(memory, size, MADV_HUGEPAGE));
  for (size_t at = 0; at + bytes_ <= size; at += bytes_) {
    free_.emplace_back(slab, static_cast<uint8_t*>(memory) + at);
  }
}

}  // namespace spdk_nvme
