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

/**
 * SPDK as opened by one Node.js environment, of which a process may have several: its poller threads, its controllers
 * and its DMA memory. They share the one SPDK of the process, and know of each other's controllers.
 */
class Environment {
 public:
  /**
   * Starts SPDK and the pollers. Blocks; not for the JavaScript thread.
   * @param log receives SPDK's lines up to a level (see log.h) until the environment is closed
   */
  static Status open(const EnvironmentSettings& settings, int log_level, Log::Listener log,
                     std::shared_ptr<Environment>& environment);

  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;
  ~Environment();

  /**
   * Begins to attach a controller. Fails immediately if the same one is attached or being detached, by any
   * environment of the process.
   */
  Status attach(Controller::Request request, ControllerEvents events,
                std::shared_ptr<Controller>& controller);

  [[nodiscard]] const std::shared_ptr<DmaMemory>& memory() const { return services_->memory; }

  /** One for each poller. Thread: any. */
  [[nodiscard]] std::vector<PollerStats> poller_stats() const;
  [[nodiscard]] static spdk::MemoryUse memory_use() { return spdk::memory_use(); }

  /** Forgets controllers that are gone. Cheap. */
  void reap();

  /**
   * Detaches all controllers, each within its limit, and ends all threads. Waits for at most about `limit`;
   * threads that have not ended by then are abandoned and their memory is kept. False if there were any;
   * `held_by` then has the stacks of those controllers' threads. While another thread closes the environment,
   * this waits for it and returns the same result.
   */
  bool close(std::chrono::milliseconds limit, std::string* held_by = nullptr);
  /** Has all controllers begin their detach, as a close() does that may follow, and does not wait. */
  void begin_close(std::chrono::milliseconds limit);

 private:
  Environment(const EnvironmentSettings& settings, std::unique_ptr<LogSubscription> log);
  bool detach_all(std::chrono::milliseconds limit, std::string* held_by);

  /** Present until the environment is closed. Thread: the one that closes. */
  std::unique_ptr<LogSubscription> log_;
  std::shared_ptr<ControllerServices> services_;
  ControlThreads control_threads_;
  /** Guards what follows. */
  std::mutex mutex_;
  std::vector<std::shared_ptr<Controller>> controllers_;
  /** Closed or closing. */
  bool closed_ = false;
  /** The result of closing; nothing before. */
  std::optional<bool> clean_;
  std::condition_variable ended_;
};

}  // namespace spdk_nvme
