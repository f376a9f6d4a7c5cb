#pragma once

#include <spdk/nvme.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "native/core/base/deadlines.h"
#include "native/core/base/linger_lock.h"
#include "native/core/base/mailbox.h"
#include "native/core/base/owned_thread.h"
#include "native/core/base/status.h"
#include "native/core/connection/admin_commands.h"
#include "native/core/connection/connect_gate.h"
#include "native/core/connection/connect_memory.h"
#include "native/core/connection/controller_info.h"
#include "native/core/connection/keep_alive_watch.h"
#include "native/core/connection/recent_answers.h"
#include "native/core/controller/controller_state.h"
#include "native/core/controller/description.h"
#include "native/core/controller/event_sink.h"
#include "native/core/controller/reconnect.h"
#include "native/core/diagnostics/history.h"
#include "native/core/diagnostics/log.h"
#include "native/core/io/dma_memory.h"
#include "native/core/io/inline_set.h"
#include "native/core/io/io_stats.h"
#include "native/core/io/poller.h"
#include "native/core/io/queue_set.h"
#include "native/spdk/connect.h"
#include "native/spdk/distinct_id.h"
#include "native/spdk/interpose/connection_watch.h"

namespace spdk_nvme {

/** What the controllers of one environment share. Held by each, so that a wedged one can outlive the rest. */
struct ControllerServices {
  explicit ControllerServices(unsigned connect_concurrency) : connect_gate(connect_concurrency) {}

  std::vector<std::unique_ptr<Poller>> pollers;
  std::shared_ptr<DmaMemory> memory = std::make_shared<DmaMemory>();
  ConnectGate connect_gate;
  ConnectMemory connect_memory;
  RecentAnswers recent_answers;
  Deadlines deadlines;
  /** Where the next controller's first queue pair goes, so that small controllers spread over the pollers. */
  std::atomic<size_t> next_poller{0};
};

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
};

/**
 * One NVMe controller from attach to detach. All slow calls into SPDK for it, one after the other, are made
 * by a control thread of its own, which also polls the admin queue; its queue pairs are polled by the
 * pollers. The linger lock keeps the two apart where it must.
 */
class Controller : public std::enable_shared_from_this<Controller> {
 public:
  struct Request {
    spdk_nvme_transport_id transport_id{};
    spdk::ConnectSettings connect;
    /** Queue pairs are polled by the JavaScript thread, see QueuePairWrap, rather than by pollers. */
    bool inline_polling = false;
    /** A discovery controller is wanted, which has no I/O queues. */
    bool discovery = false;
    ReconnectPolicy reconnect;
  };

  /** Starts the control thread, which begins to attach at once. */
  static std::shared_ptr<Controller> start(std::shared_ptr<ControllerServices> services, Request request,
                                           ControllerEvents events);

  Controller(const Controller&) = delete;
  Controller& operator=(const Controller&) = delete;
  ~Controller() = default;

  [[nodiscard]] const Request& request() const { return request_; }
  [[nodiscard]] ControllerState state() const { return life_.state(); }
  /** As of the latest attach or reset. */
  [[nodiscard]] const Description& description() const { return description_; }
  /** One queue pair as JavaScript sees it: its ring, and who polls it. */
  struct QueuePair {
    std::shared_ptr<IoRing> ring;
    /** Null when the JavaScript thread polls... */
    Poller* poller = nullptr;
    /** ... which then does so by this. */
    std::shared_ptr<InlineSet> inline_set;
  };
  /** Only once attached. */
  [[nodiscard]] const std::vector<QueuePair>& queue_pairs() const { return queue_pairs_; }
  /** What happened to it last. Readable for as long as the object is there. */
  [[nodiscard]] const History& history() const { return *history_; }
  [[nodiscard]] IoStats& io_stats() const { return *io_stats_; }
  [[nodiscard]] LingerLock::Counters linger_counters() const { return linger_->counters(); }

  /**
   * Nobody waits for this attach any more. SPDK cannot cancel it: it goes on in the background, and a
   * controller that comes of it after all is detached at once.
   */
  void give_up_attach();
  /** Breaks the connections of an attach that was given up some time ago and has not ended by itself. */
  void break_off_attach() { connection_watch_.break_all_tries(); }
  [[nodiscard]] bool attach_given_up() const { return attach_given_up_.load(std::memory_order_acquire); }

  /** Begins to detach; `done` is called on the control thread. A second call while one is under way only adds
   *  its `done`. Only from a state that a detach can follow, see can_follow(). */
  void detach(DetachSettings settings, std::function<void(const DetachReport&)> done);

  /** Ends the connection and makes another, if the controller is attached or failed; I/O waits for it. Any
   * thread. */
  void reset();

  /** Sends an admin command; `done` is called on the control thread. Any thread. */
  void admin(AdminCommand command);

  /**
   * Has a discovery controller report changes of its log on the present connection, see
   * ControllerEvents::log_changed. Where its feature Asynchronous Event Configuration allows it, which is the
   * caller's to set. Any thread.
   */
  void watch_log();

  /** The caller's deadline has passed while SPDK still holds the control thread or a poller. */
  void wedge();

  /**
   * Where the threads that work for it are now, in the words of describe_thread(): for the report of a wedged
   * one. Any thread but those; takes about as long as `patience`, if one does not answer.
   */
  [[nodiscard]] std::string stacks(std::chrono::milliseconds patience) const;

  /** Whether the control thread has ended. */
  [[nodiscard]] bool finished() const { return thread_->finished(); }
  /** Waits for the control thread to end; false when it did not in time and is let go. Owner's thread. */
  bool join_for(std::chrono::milliseconds limit) { return thread_->join_for(limit); }

 private:
  using Clock = std::chrono::steady_clock;

  /** What the target gets, for all queue pairs together, to say goodbye when they are disconnected. */
  static constexpr std::chrono::milliseconds kGoodbyeLimit{1'000};

  Controller(std::shared_ptr<ControllerServices> services, Request request, ControllerEvents events);

  // All of the following run on the control thread.
  void run();
  Status attach();
  Status establish();
  bool nobody_waits();
  [[nodiscard]] bool may_abandon_connect() const;
  Status check_reachable();
  Status connect();
  void leave_connect_gate();
  Status connect_controller(LogCollector& log);
  void end_abandoned_connect();
  void give_back_id();
  Status connect_queue_pairs(LogCollector& log);
  void make_rings();
  void start_serving();
  Status attach_failure(const LogCollector& log) const;
  void serve();
  void let_go();
  bool poll_admin();
  bool wait_for_controller(const std::function<void()>& call);
  void watch_alive();
  void lose_connection(const std::string& why, int error_number);
  void follow_namespaces();
  void read_changed_namespaces();
  void refresh_namespaces();
  void look_for_hidden_namespaces();
  void give_namespaces_to_rings();
  void reset_now();
  void end_connection(bool dead);
  void wait_for_next_try(Clock::time_point when);
  void fail_fast_if_due();
  void finish_reset();
  void give_up_reset(const Status& why);
  void detach_now();
  void disconnect_queue_pairs(bool dead);
  void free_queue_pairs();
  void serve_inline_sets();
  bool drain();
  std::shared_ptr<const bool> ask_for_sign_of_life();
  bool wait_for_sign_of_life(const std::shared_ptr<const bool>& answered, Clock::time_point asked,
                             std::chrono::milliseconds timeout);
  void wait_until(const std::function<bool()>& done);
  [[nodiscard]] uint64_t pending() const;
  [[nodiscard]] bool has_lost_connection() const;
  void hold_io(bool holding);
  void answer_io(int error_number);
  void request_event();
  static void on_async_event(void* self, const spdk_nvme_cpl* completion);
  void on_event(uint32_t raw);
  void destroy_controller();
  void enter(ControllerState state);
  void fail(const Status& why);

  [[nodiscard]] std::chrono::milliseconds timeout() const {
    return std::chrono::milliseconds(request_.connect.timeout_ms);
  }

  [[nodiscard]] std::chrono::milliseconds keep_alive_timeout() const {
    return std::chrono::milliseconds(request_.connect.keep_alive_ms);
  }
  [[nodiscard]] std::chrono::milliseconds silence_limit() const;

  /** A controller that has not answered a detach by then is dead, or as good as: a second, or a part of the
   * time that its caller allows, where that is less. */
  [[nodiscard]] static std::chrono::milliseconds answer_limit(std::chrono::milliseconds timeout) {
    return std::min(std::chrono::milliseconds(1'000), timeout / 3);
  }

  // Slots of the linger lock: the pollers' own, then these two.
  [[nodiscard]] size_t control_slot() const { return services_->pollers.size(); }
  [[nodiscard]] size_t javascript_slot() const { return services_->pollers.size() + 1; }

  const std::shared_ptr<ControllerServices> services_;
  const Request request_;
  const std::shared_ptr<History> history_;
  EventSink events_;
  ControllerLife life_;
  const std::shared_ptr<LingerLock> linger_;
  const std::shared_ptr<IoStats> io_stats_;
  Mailbox mailbox_;
  std::atomic<bool> attach_given_up_{false};
  spdk::ConnectionWatch connection_watch_;
  bool in_connect_gate_ = false;
  std::atomic<bool> detach_requested_{false};
  /** A detach has been asked for, though the control thread may not have come to it. */
  std::atomic<bool> leaving_{false};
  /** How long a call into SPDK may still wait for the controller once a detach has been asked for. */
  std::atomic<std::chrono::milliseconds> detach_patience_{std::chrono::milliseconds::max()};

  /** What SPDK knows it by, on every connection. Set while the control thread runs. */
  std::unique_ptr<spdk::DistinctId> distinct_id_;
  spdk_nvme_ctrlr* controller_ = nullptr;
  /** SPDK is still at it, though a detach has ended it. */
  std::unique_ptr<spdk::ConnectAttempt> abandoned_;
  /** The sets of the present connection. */
  std::vector<std::shared_ptr<QueueSet>> sets_;
  Description description_;
  /** Made by the first connect, and kept by all that follow. */
  std::vector<QueuePair> queue_pairs_;
  AdminCommands admin_commands_;
  bool admin_failed_ = false;
  KeepAliveWatch keep_alive_{keep_alive_timeout()};
  /** Of AdminCommands::answers(), when the watch was last told. */
  uint64_t answers_seen_ = 0;
  /**
   * SPDK reported a change of the namespaces in a callback; it is looked at once the callback has returned.
   */
  bool namespaces_stale_ = false;
  /** The controller's list of changed namespaces has been read, which SPDK did not do by itself. */
  bool changed_namespaces_read_ = false;

  /** Counts connections, so that what is heard of an earlier one is known as such. */
  unsigned connection_ = 0;
  bool reset_wanted_ = false;
  /** What was lost; success when the reset was asked for. */
  Status reset_cause_;
  Reconnect reconnect_;

  DetachSettings detach_settings_;
  Clock::time_point detach_deadline_;
  std::vector<std::function<void(const DetachReport&)>> detach_waiters_;

  std::unique_ptr<OwnedThread> thread_;
};

}  // namespace spdk_nvme
