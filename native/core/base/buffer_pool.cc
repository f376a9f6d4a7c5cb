#include "native/core/base/buffer_pool.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <iterator>

namespace spdk_nvme {

namespace {

/** More than becomes garbage between two of V8's full collections. */
constexpr size_t kMaxIdleOfProcess = 128UL << 20;

constexpr size_t kPage = 4096;
constexpr size_t kHugePage = 2UL << 20;

/** MADV_POPULATE_WRITE of Linux 5.14. Older systems reject it: the pages then come one fault at a time. */
constexpr int kPopulate = 23;

size_t rounded_up(size_t bytes, size_t unit) {
  return (bytes + unit - 1) / unit * unit;
}

/** Maps memory that begins on a huge page and has huge pages where the system has some; null if there is no memory. */
uint8_t* map_huge(size_t bytes) {
  const size_t mapped = bytes + kHugePage;
  void* const memory = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  auto* const begin = static_cast<uint8_t*>(memory);
  const size_t before =
      rounded_up(reinterpret_cast<uintptr_t>(begin), kHugePage) - reinterpret_cast<uintptr_t>(begin);
  if (before > 0) munmap(begin, before);
  uint8_t* const block = begin + before;
  munmap(block + bytes, mapped - before - bytes);
  // Both calls may fail: the memory is the same, only slower.
  madvise(block, bytes, MADV_HUGEPAGE);
  madvise(block, bytes, kPopulate);
  return block;
}

}  // namespace

BufferPool& BufferPool::of_process() {
  static auto& pool = *new BufferPool(kMaxIdleOfProcess);
  return pool;
}

BufferPool::Use::Use(BufferPool& pool) : pool_(pool) {
  const std::lock_guard<std::mutex> guard(pool_.mutex_);
  pool_.uses_++;
}

BufferPool::Use::~Use() {
  const std::lock_guard<std::mutex> guard(pool_.mutex_);
  pool_.uses_--;
  if (pool_.uses_ == 0) pool_.shrink(0);
}

uint8_t* BufferPool::take(size_t bytes) {
  {
    const std::lock_guard<std::mutex> guard(mutex_);
    // The one that was used last is the one that is most likely in the processor's cache.
    const auto found =
        std::find_if(idle_.rbegin(), idle_.rend(), [bytes](const Idle& idle) { return idle.bytes == bytes; });
    if (found != idle_.rend()) {
      uint8_t* const buffer = found->buffer;
      idle_.erase(std::next(found).base());
      idle_bytes_ -= bytes;
      return buffer;
    }
  }
  return bytes > kMaxBytes ? nullptr : take_fresh(bytes);
}

uint8_t* BufferPool::take_fresh(size_t bytes) {
  // Each buffer is unmapped by itself.
  const size_t stride = rounded_up(bytes, kPage);
  const size_t count = std::max<size_t>(1, kHugePage / stride);
  uint8_t* const block = map_huge(count * stride);
  if (block == nullptr || count == 1) return block;
  const std::lock_guard<std::mutex> guard(mutex_);
  for (size_t i = count - 1; i > 0; i--) idle_.push_back({block + i * stride, bytes});
  idle_bytes_ += (count - 1) * bytes;
  shrink(uses_ == 0 ? 0 : max_idle_bytes_);
  return block;
}

void BufferPool::give(uint8_t* buffer, size_t bytes) {
  const std::lock_guard<std::mutex> guard(mutex_);
  idle_.push_back({buffer, bytes});
  idle_bytes_ += bytes;
  shrink(uses_ == 0 ? 0 : max_idle_bytes_);
}

size_t BufferPool::idle_bytes() const {
  const std::lock_guard<std::mutex> guard(mutex_);
  return idle_bytes_;
}

void BufferPool::shrink(size_t bytes) {
  while (idle_bytes_ > bytes) {
    const Idle oldest = idle_.front();
    idle_.pop_front();
    idle_bytes_ -= oldest.bytes;
    munmap(oldest.buffer, oldest.bytes);
  }
}

}  // namespace spdk_nvme
