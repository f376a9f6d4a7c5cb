#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>

#include "native/core/base/linger_lock.h"
#include "native/core/base/status.h"
#include "native/core/base/stop_request.h"
#include "native/core/connection/attach_report.h"
#include "native/core/connection/connect_request.h"
#include "native/core/connection/connection.h"
#include "native/core/connection/controller_services.h"
#include "native/core/diagnostics/log.h"
#include "native/core/io/io_queues.h"
#include "native/spdk/connect.h"
#include "native/spdk/distinct_id.h"
#include "native/spdk/interpose/connection_watch.h"

namespace spdk_nvme {

/**
 * Makes the connections of one controller, or says why not: checks without SPDK whether the address responds, waits
 * for a place among the connects of the process, and has SPDK connect the controller and its queue pairs. SPDK
 * cannot cancel a connect: cancel() disconnects its connections, which makes it fail soon. Control thread, except for
 * cancel() itself.
 */
class Connector {
 public:
  /**
   * @param request, stop, io outlive this
   * @param while_waiting called again and again while a connect waits, with no lock held that I/O needs: by this
   *   thread, and by that of the deadlines while SPDK has this one, never by both at a time
   */
  Connector(ConnectionContext context, const ConnectRequest& request, const StopRequest& stop, IoQueues& io,
            std::function<void()> while_waiting)
      : context_(std::move(context)),
        request_(request),
        stop_(stop),
        io_(io),
        while_waiting_(std::move(while_waiting)) {}
  Connector(const Connector&) = delete;
  Connector& operator=(const Connector&) = delete;

  /** What a detach does with a connect that has not returned. */
  enum class OnDetach {
    /** Waits, so that the controller is not attached again meanwhile; abandons it when the environment ends. */
    wait,
    /** Abandons it: SPDK may continue on a connection that is disconnected. See destroy_abandoned(). */
    abandon
  };
  /** Makes a connection, with its queue pairs; waits for seconds at most, and not much longer when stopped. */
  Status connect(std::shared_ptr<Connection>& made, OnDetach on_detach);

  /** How long all connects have taken so far: checking the address, the controller and the queue pairs. */
  [[nodiscard]] const AttachReport& phases() const { return phases_; }

  /** The next connect() checks the address even if it has just passed the check. */
  void forget_address();

  /** Disconnects the current attempt and all later ones. Thread: any. */
  void cancel();

  /**
   * Releases the transport id, so that the caller may attach the controller again. Does nothing while SPDK has not
   * finished an abandoned attempt.
   */
  void release_id();
  /**
   * Polls an abandoned attempt to its end, and releases the id: only then SPDK releases what it holds for it, its CM
   * channel among them, which can take old releases half a minute. When the environment ends, it polls no longer than SPDK gets for
   * one call then.
   * @param pause waits between two polls
   */
  void destroy_abandoned(const std::function<void(std::chrono::microseconds)>& pause);

 private:
  /** One connect of SPDK's, and what it has connected. */
  struct Attempt {
    std::unique_ptr<spdk::ConnectAttempt> call;
    std::shared_ptr<spdk::ConnectionWatch> watch;
  };
  class CurrentWatch;

  [[nodiscard]] bool stopped();
  [[nodiscard]] bool may_abandon(OnDetach on_detach) const;
  Status check_reachable();
  Status connect_through_gate(std::shared_ptr<Connection>& made, OnDetach on_detach);
  void leave_gate();
  Status connect_once(std::shared_ptr<Connection>& made, OnDetach on_detach);
  Status connect_controller(Attempt& attempt, OnDetach on_detach, const LogCollector& log);
  Status connect_queue_pairs(Connection& connection, const spdk::ConnectionWatch& watch,
                             const LogCollector& log, const LingerLock::ExclusiveGuard& held);
  [[nodiscard]] std::chrono::milliseconds timeout() const {
    return std::chrono::milliseconds(request_.connect.timeout_ms);
  }

  const ConnectionContext context_;
  const ConnectRequest& request_;
  const StopRequest& stop_;
  IoQueues& io_;
  const std::function<void()> while_waiting_;
  /** The transport id by which SPDK knows the controller, on every connection. */
  std::unique_ptr<spdk::DistinctId> distinct_id_;
  bool in_gate_ = false;
  AttachReport phases_;
  /** The attempt that a detach has abandoned and SPDK has not finished. */
  Attempt abandoned_;

  /** Guards cancelled_ and current_watch_. */
  std::mutex mutex_;
  bool cancelled_ = false;
  /** The watch of the attempt that is under way. */
  spdk::ConnectionWatch* current_watch_ = nullptr;
};

}  // namespace spdk_nvme
