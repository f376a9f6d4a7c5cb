#include "native/core/base/buffer_pool.h"

#include <sys/mman.h>

#include <algorithm>
#include <iterator>

namespace spdk_nvme {

namespace {

/** More than becomes garbage between two of V8's full collections. */
constexpr size_t kMaxIdleOfProcess = 128UL << 20;

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
  // One call for all pages takes less than half of the time of their page faults.
  constexpr int kFlags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE;
  void* const fresh = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, kFlags, -1, 0);
  return fresh == MAP_FAILED ? nullptr : static_cast<uint8_t*>(fresh);
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
