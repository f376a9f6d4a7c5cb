#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "native/core/base/status.h"
#include "native/core/controller/controller_state.h"
#include "native/core/controller/reconnect.h"
#include "native/core/diagnostics/history.h"

namespace spdk_nvme {

/** What a controller reports to its owner. Must not block. Thread: control, except for the state `wedged`. */
struct ControllerEvents {
  /** The attach has ended, well or not. Called exactly once, and before any other function. */
  std::function<void(const Status&)> attached;
  /** The state changed, after `attached`. */
  std::function<void(ControllerState)> state_changed;
  /** The link or the target failed, and no further attempt to reconnect follows. */
  std::function<void(const Status&)> failed;
  std::function<void(const ResetStep&)> reset;
  /** Commands have completed on some ring. Called on the thread that polls. */
  std::function<void()> io_completed;
  /** What namespaces() or hidden_namespaces() gives may have changed. */
  std::function<void()> namespaces_changed;
  /** A discovery controller reports that its log has changed. */
  std::function<void()> log_changed;
  /** The controller has something in its reservation notification log. */
  std::function<void()> reservations_changed;
};

/**
 * Where a controller reports what happens to it: to its owner, until the sink is closed, and to its history.
 * Holds no lock while it calls the owner. Any thread.
 */
class EventSink {
 public:
  EventSink(ControllerEvents events, std::shared_ptr<History> history)
      : events_(std::make_shared<const ControllerEvents>(std::move(events))), history_(std::move(history)) {}
  EventSink(const EventSink&) = delete;
  EventSink& operator=(const EventSink&) = delete;

  void attached(const Status& status);
  void state_changed(ControllerState state);
  /** Adds the state to the history alone. */
  void note_state(ControllerState state) { history_->add(HistoryEvent::Kind::state, to_string(state)); }
  /** Emits the state `failed`, then the reason. */
  void failed(const Status& why);
  void reset(const ResetStep& step);
  void namespaces_changed();
  void log_changed();
  void reservations_changed();
  /** Returns the function for the rings, which call it on the threads that poll. */
  [[nodiscard]] std::function<void()> io_completed() const { return events()->io_completed; }
  /** Adds an event to the history alone. */
  void note(HistoryEvent::Kind kind, std::string text, const char* code = "") {
    history_->add(kind, std::move(text), code);
  }

  /** Ends all calls: the functions are dropped, since they hold on to the owner's listeners. */
  void close();

 private:
  [[nodiscard]] std::shared_ptr<const ControllerEvents> events() const;

  /** Guards events_. */
  mutable std::mutex mutex_;
  /** The owner's functions. Never null; without functions once closed. */
  std::shared_ptr<const ControllerEvents> events_;
  const std::shared_ptr<History> history_;
};

}  // namespace spdk_nvme
