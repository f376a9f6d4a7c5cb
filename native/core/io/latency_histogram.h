#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "native/core/base/counter.h"

namespace spdk_nvme {

/**
 * How many commands took how long, in ticks. Buckets are an eighth of a power of two wide, so that a value read from them is
 * within an eighth of what it was. One thread adds; any thread reads, without a lock.
 */
class LatencyHistogram {
 public:
  /** Values below this have a bucket each. */
  static constexpr uint32_t kFirst = 8;
  /** Buckets for each power of two. */
  static constexpr uint32_t kParts = 8;
  /** Beyond 2^40 ticks, some minutes, everything is in the last one. */
  static constexpr uint32_t kPowers = 37;
  static constexpr size_t kBuckets = kFirst + static_cast<size_t>(kPowers) * kParts;

  void add(uint64_t ticks) { buckets_[index_of(ticks)]++; }

  [[nodiscard]] uint64_t count(size_t index) const { return buckets_[index].value(); }

  static constexpr size_t index_of(uint64_t ticks) {
    if (ticks < kFirst) return ticks;
    const auto power = static_cast<uint32_t>(std::bit_width(ticks)) - 4;
    const size_t index = kFirst + static_cast<size_t>(power) * kParts + ((ticks >> power) - kFirst);
    return std::min(index, kBuckets - 1);
  }

  /** The least number of ticks that is in a later bucket. */
  static constexpr uint64_t end_of(size_t index) {
    if (index < kFirst) return index + 1;
    const size_t power = (index - kFirst) / kParts;
    const size_t part = (index - kFirst) % kParts;
    return (kFirst + part + 1) << power;
  }

 private:
  std::array<Counter, kBuckets> buckets_;
};

}  // namespace spdk_nvme
