#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "native/core/controller/detach_sequence.h"

namespace spdk_nvme {

/** The calls of detach() that wait for its end; each settles exactly once. Thread: any. */
class DetachCalls {
 public:
  using Done = std::function<void(const DetachReport&)>;

  /**
   * The settings of the first call count. `done` is called by settle(), or immediately if that was
   * called before; must not block.
   */
  void add(DetachSettings settings, Done done) {
    {
      const std::lock_guard<std::mutex> guard(mutex_);
      if (!settings_) settings_ = settings;
      if (!report_) {
        waiting_.push_back(std::move(done));
        return;
      }
    }
    done(*report_);
  }

  /** The settings of the first call, or defaults if there was none. */
  [[nodiscard]] DetachSettings settings() const {
    const std::lock_guard<std::mutex> guard(mutex_);
    return settings_.value_or(DetachSettings{});
  }

  /** Calls `done` of all calls. May be called once. */
  void settle(const DetachReport& report) {
    std::vector<Done> waiting;
    {
      const std::lock_guard<std::mutex> guard(mutex_);
      report_ = report;
      waiting.swap(waiting_);
    }
    for (const Done& done : waiting) done(report);
  }

 private:
  /** Guards what follows; report_ does not change once it is there. */
  mutable std::mutex mutex_;
  std::optional<DetachSettings> settings_;
  std::vector<Done> waiting_;
  std::optional<DetachReport> report_;
};

}  // namespace spdk_nvme
