#pragma once

#include <spdk/nvme.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "native/core/base/linger_lock.h"
#include "native/core/base/status.h"
#include "native/core/base/stop_request.h"
#include "native/core/connection/abort_calls.h"
#include "native/core/connection/admin_commands.h"
#include "native/core/connection/controller_services.h"
#include "native/core/connection/keep_alive_watch.h"
#include "native/core/connection/key_change.h"
#include "native/core/io/io_queues.h"
#include "native/core/io/queue_set.h"
#include "native/spdk/connect.h"
#include "native/spdk/interpose/connection_watch.h"

namespace spdk_nvme {

/**
 * One controller of SPDK from connected to destroyed, with its admin queue and the queue sets of its I/O queue
 * pairs. Knows neither what follows when it is lost, nor that there may be others. Control thread; it takes the
 * linger lock itself, except where a caller shows that it holds it.
 */
class Connection {
 public:
  /** What the target granted. */
  struct Granted {
    uint32_t io_queues = 0;
    uint32_t queue_depth = 0;
    /** How long the target waits for a Keep Alive; 0: indefinitely. */
    std::chrono::milliseconds keep_alive{0};
  };

  /**
   * @param watch of what SPDK connects for this controller
   * @param stop outlives this
   */
  Connection(ConnectionContext context, spdk_nvme_ctrlr* controller, Granted granted,
             const spdk::ConnectSettings& settings, std::shared_ptr<spdk::ConnectionWatch> watch,
             const StopRequest& stop);
  /** Ends what is left of it, without waiting for the target. */
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /** Null once destroyed. */
  [[nodiscard]] spdk_nvme_ctrlr* controller() const { return controller_; }
  [[nodiscard]] const Granted& granted() const { return granted_; }

  // Before serve().

  /** Connects a queue pair for each ring. False if they are not connected in time, or it is to stop. */
  bool connect_queue_pairs(const IoQueues& io, std::chrono::steady_clock::time_point deadline,
                           const LingerLock::ExclusiveGuard& held);
  /** Destroys a connection that never served: its queue pairs could not all be connected. */
  void destroy_unserved(const LingerLock::ExclusiveGuard& held);
  /** The functions that other threads call while it serves; none may block. */
  struct Notify {
    /** A queue pair is lost. Called by the thread that polls it, at most once for each set. */
    std::function<void()> queue_pair_lost;
    /** The next poll() finds something: what has arrived at the admin queue over TCP, or an event of RDMA's connection manager. */
    std::function<void()> admin_data;
    /** Over TCP: the connection of an I/O queue pair has ended; the thread that polls it has not noticed yet. */
    std::function<void()> queue_pair_ended;
  };
  /** Hands the queue sets to the threads that poll them; the admin queue is to be polled from now on. */
  void serve(IoQueues& io, const Notify& notify);

  // While it serves.

  /** Sends and receives admin commands. True when something completed after which another poll may have something to do. */
  bool poll();
  /** Whether the controller has completed an admin command, or has been connected, within a few milliseconds. */
  [[nodiscard]] bool has_just_responded();
  /** When to poll again, and what belongs to a poll, unless `admin_data` is called before. */
  [[nodiscard]] std::chrono::steady_clock::time_point next_poll() const;
  /** Wakes the threads that poll the I/O queue pairs, JavaScript included. */
  void look_at_queue_pairs() const {
    if (io_ != nullptr) io_->look();
  }
  /** Polls until `done` returns true. */
  void poll_until(const std::function<bool()>& done);
  /** Has the next poll() send a keep-alive probe if one is due. */
  void add_keep_alive();
  /** Notices that a keep-alive probe has no response. Follows poll(). */
  void check_keep_alive();
  /** Whether the controller's namespaces have changed since the last call. May wait for the controller. */
  bool namespaces_changed();
  /** The time that SPDK may take for a poll of the admin queue depends on it, see poll(). */
  void set_namespace_count(size_t count) { namespace_count_ = count; }
  /** Has a discovery controller report changes of its log, also where SPDK does not ask it for such events. */
  void watch_log();
  /** Whether it has reported a change since the last call: of that log, or of the ANA log of an I/O controller. */
  [[nodiscard]] bool take_log_change() { return std::exchange(log_changed_, false); }
  /** Whether it has reported a reservation notification since the last call. */
  [[nodiscard]] bool take_reservation_change() { return std::exchange(reservations_changed_, false); }
  /** Sends a command; rejects it when the admin queue is lost. */
  void admin(AdminCommand command);
  /** Whether a caller waits for an admin command that can end. */
  [[nodiscard]] bool admin_draining() const { return !lost() && admin_commands_.draining(); }
  /** Rejects admin commands that have not been sent, because a detach ends the connection. */
  void reject_admin() { admin_commands_.abort(&AdminCommand::reject_for_detach); }
  /** Asks the controller to abort the command in a slot of a queue pair's ring. */
  void abort(size_t queue_pair, uint32_t slot, AbortCalls::Done done);
  /** Has every queue pair authenticate with these keys. A connection that cannot is lost. One change at a time. */
  void change_keys(spdk::Keys keys, std::chrono::steady_clock::time_point deadline, KeyChange::Done done);
  /** Advances the change of keys. Follows poll(). */
  void tend_key_change();
  /** Whether something is outstanding that poll() brings forward. */
  [[nodiscard]] bool busy() const { return admin_commands_.busy() || abort_calls_.busy() || changing_keys(); }

  /** The admin queue is lost: nothing more is sent or awaited. */
  [[nodiscard]] bool lost() const { return lost_ || controller_ == nullptr; }
  /** Notes that some part of it is lost, for this reason. */
  void note_loss(Status why);
  /** Returns the first loss since the last call, of the admin queue or of an I/O queue pair; success for none. */
  [[nodiscard]] Status take_loss() { return std::exchange(loss_, Status::success()); }

  /** What SPDK gets to shut down a controller that has just responded. */
  static constexpr std::chrono::milliseconds kShutdownLimit{1'000};

  // The end, in this order.

  /**
   * Has every queue pair disconnected that the thread which serves it can disconnect without waiting.
   * @param dead the target does not respond: SPDK is not to wait for it in each of these steps
   */
  void disconnect(bool dead);
  /** Has every queue pair freed: by the thread that serves it, or here, where SPDK would make that thread wait. */
  void free();
  /**
   * Destroys SPDK's controller, and rejects the admin commands that were not sent.
   * @param shutdown_limit what the target gets to respond to its shutdown
   * @param interrupted whether the rest of that is not to be waited for; called by any thread, and may be null
   */
  void destroy(std::chrono::milliseconds shutdown_limit = kShutdownLimit,
               const std::function<bool()>& interrupted = nullptr);
  /** Makes the three steps above. */
  void disconnect_and_destroy(bool dead);
  /** How long the target may take for the disconnect handshakes of all queue pairs together. */
  [[nodiscard]] static std::chrono::milliseconds handshake_limit(bool dead) {
    return std::chrono::milliseconds(dead ? 0 : 1'000);
  }

 private:
  [[nodiscard]] bool changing_keys() const { return key_change_ != nullptr && !key_change_->settled(); }
  enum class LingerSide { shared, exclusive };
  bool wait_for_controller(const std::function<void()>& call, LingerSide side);
  /** Whether SPDK has begun to disconnect the admin queue. */
  [[nodiscard]] bool admin_queue_failed() const;
  void note_completions();
  void lose_admin_queue(const std::string& why, int error_number);
  bool read_changed_namespaces();
  using SetState = bool (QueueSet::*)() const;
  [[nodiscard]] bool any_set(SetState is) const;
  void poll_while_any(SetState is);
  void serve_left_sets();
  void destroy(const LingerLock::ExclusiveGuard& held, std::chrono::milliseconds shutdown_limit,
               const std::function<bool()>& interrupted);
  [[nodiscard]] std::chrono::milliseconds silence_limit() const;
  void request_event();
  static void on_async_event(void* self, const spdk_nvme_cpl* completion);
  void on_event(uint32_t raw);

  const ConnectionContext context_;
  spdk_nvme_ctrlr* controller_;
  const Granted granted_;
  const std::chrono::milliseconds timeout_;
  const std::chrono::milliseconds keep_alive_timeout_;
  const std::shared_ptr<spdk::ConnectionWatch> watch_;
  const StopRequest& stop_;
  /** One for each share of the rings; none before serve() or for a controller without I/O queues. */
  std::vector<std::shared_ptr<QueueSet>> sets_;
  IoQueues* io_ = nullptr;
  AdminCommands admin_commands_;
  AbortCalls abort_calls_;
  /** The keys that SPDK's controller authenticates with, which must outlive it. */
  spdk::Keys keys_;
  /** The latest change; see its class for why it stays. */
  std::unique_ptr<KeyChange> key_change_;
  std::chrono::steady_clock::time_point last_look_;
  KeepAliveWatch keep_alive_;
  /** The value of AdminCommands::completions() when the watch was last updated. */
  uint64_t completions_seen_ = 0;
  std::chrono::steady_clock::time_point last_poll_;
  std::chrono::steady_clock::time_point last_response_;
  /** The latest call of admin(), abort() or change_keys(). */
  std::chrono::steady_clock::time_point last_request_;
  spdk::ConnectionWatch::Reported reported_ = spdk::ConnectionWatch::Reported::nothing;
  /** Whether there is an event of the RDMA connection manager, where these are reported. */
  const std::shared_ptr<std::atomic<bool>> cm_event_ = std::make_shared<std::atomic<bool>>(false);
  bool lost_ = false;
  Status loss_;
  size_t namespace_count_ = 0;
  /** SPDK reported a change of the namespaces in a callback; the list is read after the callback has returned. */
  bool namespaces_stale_ = false;
  bool log_changed_ = false;
  bool reservations_changed_ = false;
  /** The controller's list of changed namespaces has been asked for, which SPDK did not do by itself. */
  bool changed_namespaces_read_ = false;
};

}  // namespace spdk_nvme
