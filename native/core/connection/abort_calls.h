#pragma once

#include <spdk/nvme.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "native/core/io/queue_set.h"

namespace spdk_nvme {

/** The outcome of a request to abort a command. */
enum class AbortOutcome {
  /** The controller aborted the command: it does not carry it out any more. */
  aborted,
  /** The controller did not abort it, or did not report that: the command completes by itself. */
  not_aborted,
  /** SPDK has no part of the command: it was not sent, or has completed. */
  not_found
};

/** The Abort commands for I/O commands that the controller has not completed. Thread: control. */
class AbortCalls {
 public:
  using Done = std::function<void(AbortOutcome)>;

  AbortCalls() = default;
  AbortCalls(const AbortCalls&) = delete;
  AbortCalls& operator=(const AbortCalls&) = delete;
  /** Settles the rest. SPDK holds no call any more. */
  ~AbortCalls() { settle_all(); }

  /** Asks the controller to abort the command in a slot of a queue pair. Holds: linger lock (exclusive). */
  void send(spdk_nvme_ctrlr* controller, QueueSet& set, size_t index, uint32_t slot, Done done);
  /** Whether Abort commands are outstanding. */
  [[nodiscard]] bool busy() const { return !calls_.empty(); }
  /** Settles the calls that SPDK did not complete, once the controller is destroyed. */
  void settle_all();

 private:
  struct Call {
    AbortCalls* owner;
    Done done;
    /** Parts of the command that are not settled, and one more until all are sent. */
    size_t left = 1;
    bool aborted = true;
    bool found = false;
  };
  static void on_complete(void* context, const spdk_nvme_cpl* completion);
  void leave(Call* call);

  std::vector<std::unique_ptr<Call>> calls_;
};

}  // namespace spdk_nvme
