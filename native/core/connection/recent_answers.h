#pragma once

#include <chrono>
#include <mutex>
#include <string>
#include <unordered_map>

namespace spdk_nvme {

/**
 * Addresses that have just answered a check (address_check.h) and need not be asked again: the controllers of
 * one target are attached in numbers. Any thread.
 */
class RecentAnswers {
 public:
  /** Short, since a target that dies within it costs an attach the seconds that SPDK waits for it. */
  static constexpr std::chrono::seconds kMemory{1};

  void add(const std::string& address) {
    const std::lock_guard<std::mutex> guard(mutex_);
    const auto now = Clock::now();
    std::erase_if(answered_, [now](const auto& entry) { return now - entry.second > kMemory; });
    answered_[address] = now;
  }

  /** Something has failed at the address since. */
  void forget(const std::string& address) {
    const std::lock_guard<std::mutex> guard(mutex_);
    answered_.erase(address);
  }

  [[nodiscard]] bool has(const std::string& address) {
    const std::lock_guard<std::mutex> guard(mutex_);
    const auto found = answered_.find(address);
    return found != answered_.end() && Clock::now() - found->second <= kMemory;
  }

 private:
  using Clock = std::chrono::steady_clock;
  /** Guards answered_. */
  std::mutex mutex_;
  std::unordered_map<std::string, Clock::time_point> answered_;
};

}  // namespace spdk_nvme
