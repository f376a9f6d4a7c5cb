#pragma once

// The JavaScript side of a ring, as lib/io/ring.ts has it.

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <vector>

#include "native/core/io/io_ring.h"

namespace spdk_nvme {

class RingDriver {
 public:
  explicit RingDriver(IoRing& ring, uint32_t namespace_tag = 0)
      : tag(namespace_tag),
        ring_(ring),
        words_(ring.words()),
        capacity_(ring.capacity()),
        parts_(ring.capacity()) {
    for (uint32_t slot = 0; slot < capacity_; slot++) free_.push_back(slot);
  }

  struct Range {
    uint32_t operation = RingLayout::read;
    uint32_t namespace_id = 1;
    uint32_t block_size = 512;
    uint64_t first = 0;
    uint32_t blocks = 1;
    uint32_t region = 0;
    uint32_t offset = 0;
    uint32_t flags = 0;
    uint32_t reference_tag = 0;
    uint32_t application_tag = 0;
    /** Of the data of a raw command. */
    uint32_t length = 0;
  };

  /** Of the namespace that commands are for, as JavaScript last heard. */
  uint32_t tag;

  [[nodiscard]] bool has_free() const { return !free_.empty(); }
  /** The slot that push() takes. */
  [[nodiscard]] uint32_t next_slot() const { return free_.back(); }
  [[nodiscard]] size_t busy() const { return capacity_ - free_.size(); }

  uint32_t push(const Range& range, const std::vector<std::array<uint32_t, 3>>& segments = {}) {
    const uint32_t slot = free_.back();
    free_.pop_back();
    uint32_t* words = command(slot);
    words[RingLayout::kOperation] = range.operation;
    words[RingLayout::kNamespace] = range.namespace_id;
    words[RingLayout::kBlockLow] = static_cast<uint32_t>(range.first);
    words[RingLayout::kBlockHigh] = static_cast<uint32_t>(range.first >> 32);
    words[RingLayout::kBlocks] = range.blocks;
    words[RingLayout::kRegion] = range.region;
    words[RingLayout::kOffset] = range.offset;
    words[RingLayout::kBlockSize] = range.operation == RingLayout::raw ? range.length : range.block_size;
    words[RingLayout::kFlags] = range.flags;
    words[RingLayout::kReferenceTag] = range.reference_tag;
    words[RingLayout::kApplicationTag] = range.application_tag;
    words[range.operation == RingLayout::raw ? RingLayout::kRawTag : RingLayout::kTag] = tag;
    words[RingLayout::kSegments] =
        range.operation == RingLayout::raw ? 2 : static_cast<uint32_t>(segments.size());
    std::atomic_ref<uint32_t>(words[RingLayout::kCancel]).store(0, std::memory_order_relaxed);
    uint32_t* part = words_ + parts_.segments + slot * RingLayout::kMaxSegments * RingLayout::kSegmentWords;
    for (const auto& segment : segments) part = std::copy(segment.begin(), segment.end(), part);
    words_[parts_.submission_queue + tail_ % capacity_] = slot;
    tail_++;
    return slot;
  }

  bool publish() {
    count_pending();
    return ring_.publish(tail_);
  }

  void cancel(uint32_t slot) {
    const bool raw = command(slot)[RingLayout::kOperation] == RingLayout::raw;
    std::atomic_ref<uint32_t>(command(slot)[raw ? RingLayout::kRawCancel : RingLayout::kCancel]).store(1);
    std::atomic_ref<uint32_t>(words_[RingLayout::kCancelsWord]).fetch_add(1);
  }

  /** Asks for a message at the next completion. */
  void ask() { std::atomic_ref<uint32_t>(words_[RingLayout::kWakeWord]).store(1); }

  /** A word of a command's slot, as it is after its completion. */
  [[nodiscard]] uint32_t command_word(uint32_t slot, uint32_t word) { return command(slot)[word]; }

  struct Completion {
    uint32_t slot;
    uint32_t status;
  };

  std::vector<Completion> reap() {
    std::vector<Completion> all;
    const uint32_t tail = std::atomic_ref<uint32_t>(words_[RingLayout::kCompletedWord]).load();
    for (; reaped_ != tail; reaped_++) {
      const uint32_t slot = words_[parts_.completion_queue + reaped_ % capacity_];
      all.push_back({slot, words_[parts_.statuses + slot]});
      free_.push_back(slot);
    }
    count_pending();
    return all;
  }

 private:
  void count_pending() {
    std::atomic_ref<uint32_t>(words_[RingLayout::kPendingWord]).store(static_cast<uint32_t>(busy()));
  }
  uint32_t* command(uint32_t slot) { return words_ + parts_.commands + slot * RingLayout::kCommandWords; }

  IoRing& ring_;
  uint32_t* const words_;
  const uint32_t capacity_;
  const RingLayout::Parts parts_;
  std::vector<uint32_t> free_;
  uint32_t tail_ = 0;
  uint32_t reaped_ = 0;
};

constexpr uint32_t host_error(int error_number) {
  return RingLayout::kHostError | static_cast<uint32_t>(error_number);
}

}  // namespace spdk_nvme
