#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace spdk_nvme {

/**
 * Memory that controllers may read and write, in regions that JavaScript names by number: a command carries
 * the number and an offset, and what they mean is checked here, so that no number can reach memory it should
 * not.
 *
 * A region is added and removed by one thread, the JavaScript thread, and found by any. Adding one happens
 * before the first command that names it, and removing one after the last has completed; the ring's own
 * publication of commands and completions orders both.
 */
class DmaMemory {
 public:
  static constexpr uint32_t kMaxRegions = 65'536;

  struct Region {
    uint8_t* base = nullptr;
    size_t size = 0;
  };

  DmaMemory() : regions_(kMaxRegions), pins_(kMaxRegions) {}
  /** Frees what is left: whoever used it, a controller or an ArrayBuffer, has kept this object alive until
   * now. */
  ~DmaMemory();
  DmaMemory(const DmaMemory&) = delete;
  DmaMemory& operator=(const DmaMemory&) = delete;

  /** Allocates zeroed memory on a page boundary. False when there is no memory, or no number, left. */
  bool allocate(size_t size, uint32_t& id);
  /** Nobody sees the region any more: frees it, or, while commands use it, leaves that to free_unpinned(). */
  void drop(uint32_t id);
  /** Frees a dropped region whose last command has completed. */
  void free_unpinned(uint32_t id);
  /** Whether dropped regions are kept until the end of this object, whatever the pins say: commands may be
   * ended by other means than their completions, which JavaScript does not see then. Any thread. */
  void keep_dropped(bool kept) { kept_.store(kept, std::memory_order_release); }

  /**
   * For each region how many commands use it; written by the JavaScript thread, which shares these words. The
   * highest bit says that the region was dropped.
   */
  static constexpr uint32_t kDropped = 1U << 31;
  [[nodiscard]] std::vector<uint32_t>& pins() { return pins_; }

  [[nodiscard]] const Region& region(uint32_t id) const { return regions_[id]; }

  /** The address of a part of a region, or null when there is no such part. Any thread. */
  [[nodiscard]] uint8_t* at(uint32_t id, uint64_t offset, uint64_t length) const {
    if (id >= kMaxRegions) return nullptr;
    const Region& region = regions_[id];
    if (region.base == nullptr || offset > region.size || length > region.size - offset) return nullptr;
    return region.base + offset;
  }

 private:
  void free(uint32_t id);

  std::vector<Region> regions_;
  std::vector<uint32_t> pins_;
  std::vector<uint32_t> free_ids_;
  uint32_t next_id_ = 0;
  std::atomic<bool> kept_{false};
};

}  // namespace spdk_nvme
