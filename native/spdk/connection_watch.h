#pragma once

#include <rdma/rdma_cma.h>

#include <atomic>
#include <mutex>
#include <vector>

namespace spdk_nvme::spdk {

/**
 * SPDK before v22.05 connects and disconnects inside one call, and some of its waits have no end: for a
 * target that accepts a connection and then says nothing it waits for ever, with a lock that every other
 * attach and detach needs. What follows ends such waits from outside. It stands in for some functions of
 * librdmacm and the C library (see the .cc), which SPDK, linked into the addon, then calls here.
 *
 * Does nothing from v22.05 on, nor where SPDK is a shared library, which finds those functions itself.
 */

/**
 * The connections that SPDK makes on one thread while a Scope lives there, so that another thread can break
 * them all: a connect that nobody waits for any more then fails, and so does whatever it tries next.
 */
class ConnectionWatch {
 public:
  ConnectionWatch() = default;
  ConnectionWatch(const ConnectionWatch&) = delete;
  ConnectionWatch& operator=(const ConnectionWatch&) = delete;
  ~ConnectionWatch() = default;

  class Scope {
   public:
    explicit Scope(ConnectionWatch& watch);
    /** What has been connected by now is left alone from now on. */
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    ConnectionWatch& watch_;
  };

  /** For good: no later try connects either. Any thread. */
  void break_all();
  /** Until the present Scope ends. Any thread. */
  void break_this_try();
  /** Whether the present try, or the latest, was broken by break_this_try(). */
  [[nodiscard]] bool try_broken() const { return try_broken_.load(std::memory_order_acquire); }
  [[nodiscard]] bool broken() const { return broken_.load(std::memory_order_acquire) || try_broken(); }

  // What SPDK does, as the stand-ins see it. False when everything is broken.
  bool add(rdma_cm_id* id);
  bool add(int socket);
  void remove(const rdma_cm_id* id);
  void remove(int socket);

 private:
  void break_connections();

  std::atomic<bool> broken_{false};
  std::atomic<bool> try_broken_{false};
  /** Guards the following: what is in them is connected, or about to be, and not yet destroyed. */
  std::mutex mutex_;
  std::vector<rdma_cm_id*> ids_;
  std::vector<int> sockets_;
};

/**
 * While one lives, SPDK does not wait on this thread for events of the RDMA connection manager. Disconnecting
 * a queue pair waits for the target to say goodbye, up to a second, and then goes on as if it had: a dead
 * target would cost a second for each queue pair, and hold up a poller as long for each that fails.
 */
class NoCmWait {
 public:
  explicit NoCmWait(bool wanted = true);
  ~NoCmWait();
  NoCmWait(const NoCmWait&) = delete;
  NoCmWait& operator=(const NoCmWait&) = delete;

 private:
  const bool before_;
};

}  // namespace spdk_nvme::spdk
