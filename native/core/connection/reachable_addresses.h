#pragma once

#include <chrono>
#include <mutex>
#include <string>
#include <unordered_map>

namespace spdk_nvme {

/**
 * Addresses that have just passed a check (address_check.h) and are not checked again for a moment, since a program often
 * attaches many controllers of one target. Thread: any.
 */
class ReachableAddresses {
 public:
  /** Short, since a target that dies within it costs an attach the seconds that SPDK waits for it. */
  static constexpr std::chrono::seconds kMemory{1};

  void add(const std::string& address) {
    const std::lock_guard<std::mutex> guard(mutex_);
    const auto now = Clock::now();
    std::erase_if(checked_, [now](const auto& entry) { return now - entry.second > kMemory; });
    checked_[address] = now;
  }

  /** A connection to the address has failed since. */
  void forget(const std::string& address) {
    const std::lock_guard<std::mutex> guard(mutex_);
    checked_.erase(address);
  }

  [[nodiscard]] bool has(const std::string& address) {
    const std::lock_guard<std::mutex> guard(mutex_);
    const auto found = checked_.find(address);
    return found != checked_.end() && Clock::now() - found->second <= kMemory;
  }

 private:
  using Clock = std::chrono::steady_clock;
  /** Guards checked_. */
  std::mutex mutex_;
  std::unordered_map<std::string, Clock::time_point> checked_;
};

}  // namespace spdk_nvme
