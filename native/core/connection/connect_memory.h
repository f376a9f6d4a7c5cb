#pragma once

#include <spdk/env.h>

#include <cstddef>
#include <mutex>

#include "native/spdk/env.h"

namespace spdk_nvme {

/**
 * Ensures that there is memory before a connect begins: SPDK (at least v20.07, nvme_ctrlr_destruct)
 * crashes when none is left for a controller's admin queue. Connects that are under way are counted together,
 * since each has still to take its part. Any thread.
 */
class ConnectMemory {
 public:
  /**
   * What one connect may need until its admin queue is there, and some more: a controller of v20.07
   * takes less than 200 KiB.
   */
  static constexpr size_t kEach = 512U << 10;

  class Claim {
   public:
    explicit Claim(ConnectMemory& memory) : memory_(memory), granted_(memory.enter()) {}
    ~Claim() {
      if (granted_) memory_.leave();
    }
    Claim(const Claim&) = delete;
    Claim& operator=(const Claim&) = delete;

    [[nodiscard]] bool granted() const { return granted_; }

   private:
    ConnectMemory& memory_;
    const bool granted_;
  };

 private:
  bool enter() {
    const std::lock_guard<std::mutex> guard(mutex_);
    const size_t needed = (claims_ + 1) * kEach;
    if (spdk::memory_use().largest_free < needed && !can_allocate(needed)) return false;
    claims_++;
    return true;
  }

  /** Asks the allocator itself, which may take more hugepages from the system; it clears what is freed. */
  static bool can_allocate(size_t size) {
    void* const probe = spdk_malloc(size, 0, nullptr, SPDK_ENV_SOCKET_ID_ANY, SPDK_MALLOC_DMA);
    if (probe != nullptr) spdk_free(probe);
    return probe != nullptr;
  }

  void leave() {
    const std::lock_guard<std::mutex> guard(mutex_);
    claims_--;
  }

  /** Guards claims_. */
  std::mutex mutex_;
  size_t claims_ = 0;
};

}  // namespace spdk_nvme
