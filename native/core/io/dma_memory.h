#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace spdk_nvme {

/**
 * Memory that controllers may read and write, in regions that JavaScript names by number. A command has the
 * number and an offset, which are checked here, so that no number can reach other memory.
 *
 * The JavaScript thread adds and removes regions; any thread looks them up. A region is added before the
 * first command that names it and removed after the last has completed; the ring's publication of commands
 * and completions orders both.
 */
class DmaMemory {
 public:
  static constexpr uint32_t kMaxRegions = 65'536;

  struct Region {
    uint8_t* base = nullptr;
    size_t size = 0;
    /** Distinguishes it from earlier regions with the same number; 0 for none. */
    uint64_t serial = 0;
  };

  DmaMemory() : regions_(kMaxRegions), pins_(kMaxRegions) {}
  /** Frees the remaining regions. Everything that uses one, a controller or an ArrayBuffer, keeps this object alive. */
  ~DmaMemory();
  DmaMemory(const DmaMemory&) = delete;
  DmaMemory& operator=(const DmaMemory&) = delete;

  /** Allocates zeroed memory on a page boundary. False if no memory or no number is left. */
  bool allocate(size_t size, uint32_t& id);
  /** Frees a region that JavaScript no longer uses, or leaves that to free_unpinned() while commands use it. */
  void drop(uint32_t id);
  /** Drops for the garbage collector, which comes late: no effect if the region was freed, even if its number is reused. */
  void drop(uint32_t id, uint64_t serial) {
    if (regions_[id].serial == serial) drop(id);
  }
  /** Frees a dropped region whose last command has completed. */
  void free_unpinned(uint32_t id);
  /**
   * Whether dropped regions are kept until this object is destroyed, whatever the pins say: commands may end
   * without completions, which JavaScript then does not see. Thread: any.
   */
  void keep_dropped(bool kept) { kept_.store(kept, std::memory_order_release); }

  /**
   * For each region the number of commands that use it. Written by the JavaScript thread, which shares these
   * words. The highest bit means that the region was dropped.
   */
  static constexpr uint32_t kDropped = 1U << 31;
  [[nodiscard]] std::vector<uint32_t>& pins() { return pins_; }

  [[nodiscard]] const Region& region(uint32_t id) const { return regions_[id]; }

  /** Bytes of all regions that are not freed. Thread: JavaScript. */
  [[nodiscard]] size_t allocated_bytes() const { return allocated_bytes_; }
  /** How many these are. Thread: JavaScript. */
  [[nodiscard]] uint32_t allocated_regions() const {
    return next_id_ - static_cast<uint32_t>(free_ids_.size());
  }

  /** The address of a part of a region, or null if there is no such part. Thread: any. */
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
  uint64_t last_serial_ = 0;
  size_t allocated_bytes_ = 0;
  std::atomic<bool> kept_{false};
};

}  // namespace spdk_nvme
