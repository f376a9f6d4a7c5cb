#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "native/core/base/control_threads.h"
#include "native/core/base/linger_lock.h"
#include "native/core/base/mailbox.h"
#include "native/core/base/status.h"
#include "native/core/base/stop_request.h"
#include "native/core/connection/admin_commands.h"
#include "native/core/connection/attach_report.h"
#include "native/core/connection/connect_request.h"
#include "native/core/connection/connection.h"
#include "native/core/connection/connector.h"
#include "native/core/connection/controller_services.h"
#include "native/core/controller/controller_state.h"
#include "native/core/controller/description.h"
#include "native/core/controller/detach_calls.h"
#include "native/core/controller/detach_sequence.h"
#include "native/core/controller/event_sink.h"
#include "native/core/controller/reconnect.h"
#include "native/core/diagnostics/history.h"
#include "native/core/io/io_queues.h"
#include "native/core/io/io_stats.h"

namespace spdk_nvme {

struct ControllerRequest : ConnectRequest {
  ReconnectPolicy reconnect;
};

/**
 * The life of one controller, from attach to detach, in turns on the control threads: makes connections, polls
 * the admin queue, and decides what follows from reports and messages. All slow calls into SPDK for the controller are
 * made here, one after the other; the queue pairs are polled by the pollers, and the linger lock keeps the two
 * apart where it must.
 */
class ControlLoop : public TurnTask {
 public:
  /** @param wake has turn() called */
  ControlLoop(std::shared_ptr<ControllerServices> services, ControllerRequest request,
              ControllerEvents events, std::function<void()> wake);

  /** The first turn attaches the controller, and the last one detaches it. If the attach fails, the first turn is the last. */
  Clock::time_point turn() override;

  // Any thread, during a turn, before the first and after the last; see controller.h.

  void stop(StopRequest::Level level);
  void force_disconnect() { connector_.cancel(); }
  [[nodiscard]] bool stopping() const { return stop_.at_least(StopRequest::Level::detach); }
  [[nodiscard]] bool abandoned() const { return stop_.at_least(StopRequest::Level::abandon); }
  void detach(DetachSettings settings, DetachCalls::Done done);
  uint32_t reset();
  void admin(AdminCommand command);
  void abort(size_t queue_pair, uint32_t slot, AbortCalls::Done done);
  void change_keys(spdk::Keys keys, std::chrono::milliseconds limit, KeyChange::Done done);
  void watch_log();
  /** A turn fails them: destroy_connection(), or tend_waiting_io() between attempts to connect. */
  void fail_submitted() { mailbox_->nudge(); }
  void wedge() { enter(ControllerState::wedged); }

  [[nodiscard]] const ControllerRequest& request() const { return request_; }
  [[nodiscard]] const ConnectionContext& context() const { return context_; }
  [[nodiscard]] ControllerState state() const { return life_.state(); }
  [[nodiscard]] const Description& description() const { return description_; }
  [[nodiscard]] const IoQueues& io() const { return io_; }
  /** Valid once attached. */
  [[nodiscard]] const AttachReport& attach_report() const { return attach_report_; }

 private:
  bool attach();
  bool serve();
  [[nodiscard]] Clock::time_point next_turn() const;
  void end(const DetachReport& report);
  void sleep_until(Clock::time_point when);
  void adopt(std::shared_ptr<Connection> connection);
  void read_namespaces();
  void look_for_hidden_namespaces();
  /** Asks for the limits of a new connection. Continues in the background if that takes long. */
  void read_range_limits();
  /** Gives the rings limits that have arrived. */
  void take_range_limits();
  void lose(const Status& why);
  void destroy_connection();
  void reset_now();
  void wait_for_next_attempt(Clock::time_point when);
  void fail_what_is_due();
  void tend_waiting_io();
  void fail(const Status& why);
  DetachReport detach_now();
  void enter(ControllerState state) {
    if (life_.advance(state)) events_.state_changed(state);
  }

  const ConnectionContext context_;
  /** Only its keys change, and only during a turn. */
  ControllerRequest request_;
  EventSink events_;
  ControllerLife life_;
  StopRequest stop_;
  DetachCalls detach_calls_;
  /** Shared with the polling threads, which may report to it when the controller is gone. */
  const std::shared_ptr<Mailbox> mailbox_;
  IoQueues io_;
  Description description_;
  Connector connector_;
  const Clock::time_point started_ = Clock::now();
  /** Complete before the state is `attached`, and not changed any more. */
  AttachReport attach_report_;

  // For the thread that makes a turn.
  bool begun_ = false;
  /** Null while there is none. Nothing else keeps it: reports about it hold a weak pointer. */
  std::shared_ptr<Connection> connection_;
  bool reset_wanted_ = false;
  /** Why the reset is wanted: what was lost, or success if a caller requested it. */
  Status reset_cause_;
  /** How many resets have ended with a connection or without. Changed during a turn; read by any thread. */
  std::atomic<uint32_t> resets_ended_{0};
  Reconnect reconnect_;
  /** The rings have not got the limits of ranges that have arrived. */
  bool limits_changed_ = false;
  /** Version and firmware of a controller that does not have such limits; it is not asked again. */
  std::optional<std::pair<uint32_t, std::string>> without_range_limits_;
};

}  // namespace spdk_nvme
