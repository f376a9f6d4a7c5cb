#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "native/core/controller/controller.h"
#include "native/core/process/spdk_runtime.h"

namespace spdk_nvme {

struct EnvironmentSettings {
  SpdkRuntime::Settings runtime;
  size_t pollers = 1;
  PollerOptions poller;
  unsigned connect_concurrency = 4;
};

/** SPDK in the hands of one Node environment: its poller threads and its controllers. */
class Environment {
 public:
  /**
   * Starts SPDK and the pollers. Waits; not for the JavaScript thread.
   * @param log hears SPDK's lines up to a level (see log.h) until the environment is closed.
   */
  static Status open(const EnvironmentSettings& settings, int log_level, Log::Listener log,
                     std::shared_ptr<Environment>& environment);

  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;
  ~Environment();

  /** Begins to attach a controller. Fails at once when the same one is attached already or is just leaving.
   */
  Status attach(Controller::Request request, ControllerEvents events,
                std::shared_ptr<Controller>& controller);

  [[nodiscard]] const std::shared_ptr<DmaMemory>& memory() const { return services_->memory; }

  /** One for each poller. Any thread. */
  [[nodiscard]] std::vector<PollerStats> poller_stats() const;
  [[nodiscard]] static spdk::MemoryUse memory_use() { return spdk::memory_use(); }

  /** Joins the control threads of controllers that are gone. Cheap. */
  void reap();

  /**
   * Detaches what is still attached, each within its limit, and ends all threads. Waits for at most about
   * `limit`; what does not end by then is let go and its memory is kept. False when something was;
   * `held_by` then says where the threads of those controllers are. While another thread closes it this waits
   * for that, and gives the same answer.
   */
  bool close(std::chrono::milliseconds limit, std::string* held_by = nullptr);

 private:
  explicit Environment(const EnvironmentSettings& settings);
  bool end_all(std::chrono::milliseconds limit, std::string* held_by);

  std::shared_ptr<ControllerServices> services_;
  /** Guards what follows. */
  std::mutex mutex_;
  std::vector<std::shared_ptr<Controller>> controllers_;
  /** Closed, or being closed. */
  bool closed_ = false;
  /** How closing ended; nothing before. */
  std::optional<bool> clean_;
  std::condition_variable ended_;
};

}  // namespace spdk_nvme
