#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>

namespace spdk_nvme {

/**
 * Buffers of ordinary memory that are used again: the page faults of a new buffer take longer than filling it. New memory is taken
 * in whole huge pages, which several small buffers share: one fault instead of 512, and far less for a hypervisor to do. Idle
 * buffers are kept, up to a limit, while there is a Use; without one the system has their memory back. Thread: any.
 */
class BufferPool {
 public:
  /** A user of the pool, which is about to take buffers. */
  class Use {
   public:
    explicit Use(BufferPool& pool);
    ~Use();
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

   private:
    BufferPool& pool_;
  };

  /** The largest chunk of a stream. */
  static constexpr size_t kMaxBytes = 64UL << 20;

  explicit BufferPool(size_t max_idle_bytes) : max_idle_bytes_(max_idle_bytes) {}
  /** Only without a Use. Buffers that were not given back stay valid. */
  ~BufferPool() = default;
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;

  /** Returns the pool of the process. It is never destroyed: buffers are given back until the process ends. */
  static BufferPool& of_process();

  /** Returns a buffer on a page boundary, with any content; null if there is no memory, or for more than kMaxBytes. */
  [[nodiscard]] uint8_t* take(size_t bytes);
  /** Takes back a buffer that take() returned for this size, and that nothing uses any more. */
  void give(uint8_t* buffer, size_t bytes);

  [[nodiscard]] size_t idle_bytes() const;

 private:
  struct Idle {
    uint8_t* buffer;
    size_t bytes;
  };

  /**
   * Allocates as many buffers as fit into a huge page, and returns the first; the others become idle. Takes
   * mutex_.
   */
  uint8_t* take_fresh(size_t bytes);
  /** Returns the oldest idle buffers to the system until this many bytes are left. Holds: mutex_. */
  void shrink(size_t bytes);

  const size_t max_idle_bytes_;
  /** Guards all that follows. */
  mutable std::mutex mutex_;
  /** Idle buffers, the oldest first. */
  std::deque<Idle> idle_;
  size_t idle_bytes_ = 0;
  size_t uses_ = 0;
};

}  // namespace spdk_nvme
