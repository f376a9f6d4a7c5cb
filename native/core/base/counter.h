#pragma once

#include <atomic>
#include <cstdint>

namespace spdk_nvme {

/**
 * A number that one thread at a time changes and any thread reads. A change is a load and a store, not an
 * atomic operation on both, so it is as cheap as a plain number.
 */
class Counter {
 public:
  Counter() = default;
  Counter(const Counter&) = delete;
  Counter& operator=(const Counter&) = delete;

  void add(uint64_t more) { set(value() + more); }
  void set(uint64_t value) { value_.store(value, std::memory_order_relaxed); }
  void operator++(int) { add(1); }
  void operator--(int) { set(value() - 1); }
  operator uint64_t() const { return value(); }  // NOLINT(google-explicit-constructor): it is a number
  [[nodiscard]] uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

}  // namespace spdk_nvme
