#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>

#include "native/core/base/stop_request.h"
#include "native/core/connection/connection.h"
#include "native/core/controller/controller_state.h"
#include "native/core/io/io_queues.h"

namespace spdk_nvme {

/** How long each phase of a detach took, in milliseconds. */
struct DetachReport {
  double drain_ms = 0;
  double disconnect_ms = 0;
  double linger_ms = 0;
  double destroy_ms = 0;
  double total_ms = 0;
};

struct DetachSettings {
  std::chrono::milliseconds drain{1'000};
  std::chrono::milliseconds timeout{5'000};
  /** Whether the states in between are reported to the owner. */
  bool report_states = true;
  /** In a reset: a detach that is called meanwhile does not wait for the target as long as the reset would. */
  bool yields = false;
  /** When it was called: its thread may have had to wait for the target before. */
  std::chrono::steady_clock::time_point since = std::chrono::steady_clock::now();

  /**
   * A controller that has not completed the probe by then counts as dead: a second, or a part of the time that its
   * caller allows, where that is less.
   */
  [[nodiscard]] std::chrono::milliseconds response_limit() const {
    return std::min(std::chrono::milliseconds(1'000), timeout / 3);
  }
};

/** The end of a connection, phase by phase, in a detach and in a reset. Control thread. */
class DetachSequence {
 public:
  /** @param connection null when it has ended before; outlives this, as the others do */
  DetachSequence(Connection* connection, const IoQueues& io, const StopRequest& stop, DetachSettings settings)
      : connection_(connection), io_(io), stop_(stop), settings_(settings) {}
  DetachSequence(const DetachSequence&) = delete;
  DetachSequence& operator=(const DetachSequence&) = delete;

  /**
   * Waits for the outstanding operations and admin commands, as long as the caller allows; JavaScript rejects new ones. Probes the controller
   * meanwhile. False if it does not respond.
   * @param meanwhile called again and again
   */
  bool drain(const std::function<void()>& meanwhile);
  /** Sends a Keep Alive and waits for its completion. False when there is none. */
  bool probe();
  /**
   * Disconnects and frees the queue pairs, and destroys SPDK's controller.
   * @param dead the target does not respond, and is not waited for
   * @param enter called with the phases that are states of a controller; may be null
   */
  DetachReport disconnect_and_destroy(bool dead, const std::function<void(ControllerState)>& enter);

 private:
  using Clock = std::chrono::steady_clock;

  [[nodiscard]] std::shared_ptr<const bool> send_probe();
  bool wait_for_probe(const std::shared_ptr<const bool>& completed);
  [[nodiscard]] std::chrono::milliseconds part_of_rest(int part) const;
  [[nodiscard]] bool interrupted() const { return settings_.yields && stop_.out_of_patience(); }

  Connection* const connection_;
  const IoQueues& io_;
  const StopRequest& stop_;
  const DetachSettings settings_;
  const Clock::time_point begun_ = Clock::now();
};

}  // namespace spdk_nvme
