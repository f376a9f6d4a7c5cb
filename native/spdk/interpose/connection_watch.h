#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>

#include "native/core/base/socket_events.h"

namespace spdk_nvme::spdk {

/**
 * SPDK waits inside some of its calls, and some of these waits have no limit. Before v22.05 it connects and
 * disconnects like this: if a target accepts a connection and does not respond, it waits indefinitely, with a
 * lock that every other attach and detach needs. Before v25.09 it waits for the kernel to connect a TCP
 * socket, which takes more than two minutes. With all releases it handles the report of a changed namespace
 * like this, in the poll of the admin queue: before v25.09 without a limit, later with that of an attach for
 * each command. The classes below end such waits from outside. While SPDK waits for a TCP connection of an attempt it
 * does nothing but read from the socket, again and again; there the thread sleeps instead. They wrap some functions of librdmacm and of
 * the C library (see the .cc): the linker redirects SPDK's calls of them.
 *
 * Does nothing where SPDK is a shared library, whose calls the linker of the addon cannot redirect.
 */

/**
 * The connections of one controller: those that SPDK makes on a thread while a Scope lives there, until it
 * destroys them on any thread. Another thread can disconnect them, which ends SPDK's waits for them with an error.
 */
class ConnectionWatch {
 public:
  ConnectionWatch() = default;
  ~ConnectionWatch();
  ConnectionWatch(const ConnectionWatch&) = delete;
  ConnectionWatch& operator=(const ConnectionWatch&) = delete;

  /** One attempt to connect. Connections that exist when it ends are established. */
  class Scope {
   public:
    explicit Scope(ConnectionWatch& watch);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    ConnectionWatch& watch_;
  };

  /**
   * Disconnects the current attempt and all later ones. Over RDMA it does nothing from v22.05 on: no call of SPDK's
   * waits then, and its own time limits end the attempt. Thread: any.
   */
  void disconnect_attempts();
  /** Disconnects the current attempt, likewise. Thread: any. */
  void disconnect_attempt();
  /** Disconnects the established connections. Thread: any. */
  void disconnect_established();

  /** The target is not expected to respond any more: SPDK, which disconnects from it, is not to wait for that. Thread: any. */
  void note_dead();

  /** Called on another thread; must not block. */
  struct Notify {
    /** Over TCP: data has arrived on the connection that was made first, or it has ended. */
    std::function<void()> first_has_data;
    /** Over TCP: another connection has ended. */
    std::function<void()> other_ended;
    /** Over RDMA: the connection manager has an event, such as the end of any of the connections. */
    std::function<void()> cm_event;
  };
  /** What is reported. */
  enum class Reported {
    /** Nothing: SPDK is a shared library, or the process has no descriptor or thread for it. */
    nothing,
    /** The ends of connections, and not what arrives: over RDMA. */
    ends,
    /** What arrives at the connection that was made first, and the ends of all. */
    data
  };
  /** Reports what happens to the established connections, until SPDK closes them. */
  [[nodiscard]] Reported notify(const std::shared_ptr<SocketEvents>& events, const Notify& notify);

  /** Whether the target has sent anything over TCP in the current or latest attempt: with TLS, after a handshake. */
  [[nodiscard]] bool target_has_responded() const {
    return target_has_responded_.load(std::memory_order_acquire);
  }
  /** Whether the target has ended a TCP connection in the current or latest attempt. */
  [[nodiscard]] bool target_has_ended() const { return target_has_ended_.load(std::memory_order_acquire); }
  /** Notes the result of one read from a socket. */
  void note_read(ssize_t result);

  /** Whether the current or latest attempt was ended by disconnect_attempt(). */
  [[nodiscard]] bool attempt_disconnected() const {
    return attempt_disconnected_.load(std::memory_order_acquire);
  }
  [[nodiscard]] bool disconnected() const {
    return attempts_disconnected_.load(std::memory_order_acquire) || attempt_disconnected();
  }

 private:
  std::atomic<bool> attempts_disconnected_{false};
  std::atomic<bool> attempt_disconnected_{false};
  std::atomic<bool> target_has_responded_{false};
  std::atomic<bool> target_has_ended_{false};
};

/** The watch whose Scope lives on this thread, if one does. */
[[nodiscard]] ConnectionWatch* current_watch();

/**
 * While one lives, SPDK waits on this thread no longer than this, in total, for events of the RDMA connection
 * manager. When SPDK disconnects a queue pair it waits up to a second for the disconnect handshake of the
 * target and then continues anyway: without this, an unresponsive target would cost a second for each queue
 * pair, and each failing queue pair would delay a poller as long.
 */
class CmWaitLimit {
 public:
  /** @param interrupted whether the rest of the limit is not to be waited for; may be null, and outlives this otherwise */
  explicit CmWaitLimit(std::chrono::milliseconds limit, const std::function<bool()>* interrupted = nullptr);
  ~CmWaitLimit();
  CmWaitLimit(const CmWaitLimit&) = delete;
  CmWaitLimit& operator=(const CmWaitLimit&) = delete;

 private:
  const std::chrono::steady_clock::time_point before_;
  const std::function<bool()>* const interrupted_before_;
};

}  // namespace spdk_nvme::spdk
