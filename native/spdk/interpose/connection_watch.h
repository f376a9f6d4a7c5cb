#pragma once

#include <atomic>
#include <chrono>

namespace spdk_nvme::spdk {

/**
 * SPDK waits inside some of its calls, and some of these waits have no end. Before v22.05 it connects and
 * disconnects so: for a target that accepts a connection and then says nothing it waits for ever, with a lock
 * that every other attach and detach needs. Before v25.09 it waits for the kernel to connect a TCP socket,
 * which tries for more than two minutes. On all releases it answers the report of a changed namespace so,
 * in the poll of the admin queue: without a limit before v25.09, and with that of an attach for each command
 * since. What follows ends such waits from outside. It wraps some functions of librdmacm and of the C library
 * (see the .cc): the linker redirects SPDK's calls of them.
 *
 * Does nothing where SPDK is a shared library, whose calls the linker of the addon cannot redirect.
 */

/**
 * The connections of one controller: those that SPDK makes on a thread while a Scope lives there, until it
 * destroys them, on any thread. Another thread can break them: whatever SPDK waits for on them then ends with
 * an error.
 */
class ConnectionWatch {
 public:
  ConnectionWatch() = default;
  ~ConnectionWatch();
  ConnectionWatch(const ConnectionWatch&) = delete;
  ConnectionWatch& operator=(const ConnectionWatch&) = delete;

  /** One try to connect. What is connected when it ends is established. */
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
   * The present try and all later ones. Over RDMA nothing from v22.05 on, where no wait of such a try is long.
   * Any thread.
   */
  void break_all_tries();
  /** The present try, as above. Any thread. */
  void break_this_try();
  /** What is established. Any thread. */
  void break_established();

  /** Whether the present try, or the latest, was broken by break_this_try(). */
  [[nodiscard]] bool try_broken() const { return try_broken_.load(std::memory_order_acquire); }
  [[nodiscard]] bool broken() const { return all_broken_.load(std::memory_order_acquire) || try_broken(); }

 private:
  std::atomic<bool> all_broken_{false};
  std::atomic<bool> try_broken_{false};
};

/**
 * While one lives, SPDK waits on this thread no longer than this, in all, for events of the RDMA connection
 * manager. Disconnecting a queue pair waits for the target to say goodbye, up to a second, and then goes on
 * as if it had: a silent target would cost a second for each queue pair, and hold up a poller as long for
 * each that fails.
 */
class CmWaitLimit {
 public:
  explicit CmWaitLimit(std::chrono::milliseconds limit);
  ~CmWaitLimit();
  CmWaitLimit(const CmWaitLimit&) = delete;
  CmWaitLimit& operator=(const CmWaitLimit&) = delete;

 private:
  const std::chrono::steady_clock::time_point before_;
};

}  // namespace spdk_nvme::spdk
