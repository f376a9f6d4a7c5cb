#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace spdk_nvme {

/**
 * Ordinary memory for the chunks of read streams, all of one size. A chunk that JavaScript can no longer reach is used again,
 * because fresh memory costs more than the copy into it: the kernel clears each page at its first use.
 *
 * Thread: JavaScript.
 */
class ChunkPool {
 public:
  /** A chunk; it keeps the memory that it is a part of. */
  using Chunk = std::shared_ptr<uint8_t>;

  explicit ChunkPool(size_t bytes);

  [[nodiscard]] size_t bytes() const { return bytes_; }
  /** A chunk with any content; null when there is no memory. */
  Chunk take();
  /** Takes back a chunk that nobody uses any more. */
  void give(Chunk chunk);
  /** Keeps nothing from now on. */
  void close();

 private:
  void grow();

  const size_t bytes_;
  /** The maximum of chunks that are kept without use. */
  size_t max_free_;
  std::vector<Chunk> free_;
};

}  // namespace spdk_nvme
