// Longer than other files: the list of connections, and all functions by which SPDK makes, reads and ends one.

#include "native/spdk/interpose/connection_watch.h"

#include <poll.h>
#include <rdma/rdma_cma.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <utility>
#include <variant>
#include <vector>

#include "native/spdk/interpose/cm_events.h"
#include "native/spdk/interpose/completion_order.h"
#include "native/spdk/interpose/empty_reads.h"
#include "native/spdk/interpose/ended_connections.h"
#include "native/spdk/interpose/last_answer.h"
#include "native/spdk/interpose/unsent_data.h"
#include "native/spdk/release.h"
#include "native/spdk/source_address.h"

namespace spdk_nvme::spdk {

namespace {

using Clock = std::chrono::steady_clock;
using Handle = std::variant<rdma_cm_id*, int>;

thread_local Clock::time_point t_wait_until = Clock::time_point::max();
/** Of the CmWaitLimit that has one; may be null. */
thread_local const std::function<bool()>* t_interrupted = nullptr;
thread_local ConnectionWatch* t_watch = nullptr;

void disconnect(rdma_cm_id* id) {
  // The commands of its queue pair end with errors, for which SPDK waits.
  rdma_disconnect(id);
}

void disconnect(int socket) {
  shutdown(socket, SHUT_RDWR);
}

/** Whether to disconnect an attempt. From v22.05 on SPDK does not wait for RDMA connections, and ends it itself. */
bool may_disconnect_attempt(const Handle& handle) {
  return !kAsyncQueuePairs || std::holds_alternative<int>(handle);
}

/** The connections that SPDK has made or is making, and has not destroyed. Thread: any. */
class Connections {
 public:
  void add(Handle handle, const ConnectionWatch* watch) {
    const std::lock_guard<std::mutex> guard(mutex_);
    list_.push_back({.handle = handle, .watch = watch});
  }
  /** @returns whether it was one */
  bool remove(Handle handle) {
    return remove_if([handle](const Connection& one) { return one.handle == handle; }) > 0;
  }
  void remove_all(const ConnectionWatch* watch) {
    remove_if([watch](const Connection& one) { return one.watch == watch; });
  }
  ConnectionWatch::Reported notify(const ConnectionWatch* watch, const std::shared_ptr<SocketEvents>& events,
                                   const ConnectionWatch::Notify& notify) {
    using Reported = ConnectionWatch::Reported;
    const std::lock_guard<std::mutex> guard(mutex_);
    bool first = true;
    for (Connection& one : list_) {
      if (one.watch != watch) continue;
      if (rdma_cm_id* const* const id = std::get_if<rdma_cm_id*>(&one.handle)) {
        // All connections of a controller share one channel.
        return one.report((*id)->channel->fd, events, SocketEvents::Kind::data, notify.cm_event)
                   ? Reported::ends
                   : Reported::nothing;
      }
      const int socket = std::get<int>(one.handle);
      if (!(first ? one.report(socket, events, SocketEvents::Kind::data, notify.first_has_data)
                  : one.report(socket, events, SocketEvents::Kind::end, notify.other_ended))) {
        return Reported::nothing;
      }
      first = false;
    }
    return first ? Reported::nothing : Reported::data;
  }
  void establish_all(const ConnectionWatch* watch) {
    const std::lock_guard<std::mutex> guard(mutex_);
    for (Connection& one : list_) one.established |= one.watch == watch;
  }
  void note_dead(const ConnectionWatch* watch) {
    const std::lock_guard<std::mutex> guard(mutex_);
    for (const Connection& one : list_) {
      rdma_cm_id* const* const id = std::get_if<rdma_cm_id*>(&one.handle);
      if (one.watch == watch && id != nullptr) ended_connections().add(*id);
    }
  }
  void disconnect_all(const ConnectionWatch* watch, bool established) {
    // Under the lock, so that SPDK cannot destroy a connection while it is being disconnected.
    const std::lock_guard<std::mutex> guard(mutex_);
    for (const Connection& one : list_) {
      if (one.watch != watch || one.established != established) continue;
      if (!established && !may_disconnect_attempt(one.handle)) continue;
      std::visit([](auto handle) { disconnect(handle); }, one.handle);
    }
  }

 private:
  struct Connection {
    Handle handle;
    const ConnectionWatch* watch;
    bool established = false;
    /** Where its events come from, if they are reported, and the descriptor that they are reported for. */
    std::shared_ptr<SocketEvents> events = nullptr;
    int descriptor = -1;

    bool report(int of, const std::shared_ptr<SocketEvents>& from, SocketEvents::Kind kind,
                const std::function<void()>& notify) {
      if (!from->add(of, kind, notify)) return false;
      events = from;
      descriptor = of;
      return true;
    }
  };

  template <typename Condition>
  size_t remove_if(Condition condition) {
    // Destroyed without the lock.
    std::vector<std::shared_ptr<SocketEvents>> dropped;
    const std::lock_guard<std::mutex> guard(mutex_);
    return std::erase_if(list_, [&](const Connection& one) {
      if (!condition(one)) return false;
      if (one.events != nullptr) {
        one.events->remove(one.descriptor);
        dropped.push_back(one.events);
      }
      return true;
    });
  }

  /** Guards list_. */
  std::mutex mutex_;
  std::vector<Connection> list_;
};

/** Never destroyed: a thread to which SPDK does not return may still use it when the process ends. */
Connections& connections() {
  static auto& all = *new Connections;
  return all;
}

}  // namespace

ConnectionWatch::~ConnectionWatch() {
  connections().remove_all(this);
}

ConnectionWatch::Scope::Scope(ConnectionWatch& watch) : watch_(watch) {
  watch_.attempt_disconnected_.store(false, std::memory_order_release);
  watch_.target_has_responded_.store(false, std::memory_order_release);
  watch_.target_has_ended_.store(false, std::memory_order_release);
  t_watch = &watch;
}

ConnectionWatch::Scope::~Scope() {
  t_watch = nullptr;
  connections().establish_all(&watch_);
}

void ConnectionWatch::disconnect_attempts() {
  attempts_disconnected_.store(true, std::memory_order_release);
  connections().disconnect_all(this, false);
}

void ConnectionWatch::disconnect_attempt() {
  attempt_disconnected_.store(true, std::memory_order_release);
  connections().disconnect_all(this, false);
}

void ConnectionWatch::disconnect_established() {
  connections().disconnect_all(this, true);
}

void ConnectionWatch::note_dead() {
  if (kAsyncQueuePairs) connections().note_dead(this);
}

ConnectionWatch::Reported ConnectionWatch::notify(const std::shared_ptr<SocketEvents>& events,
                                                  const Notify& notify) {
  return connections().notify(this, events, notify);
}

ConnectionWatch* current_watch() {
  return t_watch;
}

CmWaitLimit::CmWaitLimit(std::chrono::milliseconds limit, const std::function<bool()>* interrupted)
    : before_(t_wait_until), interrupted_before_(t_interrupted) {
  if (interrupted != nullptr) t_interrupted = interrupted;
  if constexpr (kAsyncQueuePairs) return;
  // Does not read the clock for a limit of 0, which pollers set all the time.
  const auto until = limit.count() == 0 ? Clock::time_point::min() : Clock::now() + limit;
  t_wait_until = std::min(before_, until);
}

CmWaitLimit::~CmWaitLimit() {
  t_wait_until = before_;
  t_interrupted = interrupted_before_;
}

namespace {

int fail(int error) {
  errno = error;
  return -1;
}

/** Adds a connection to the watch of this thread. False if it must not be made. */
bool watch_connection(Handle handle) {
  if (t_watch == nullptr) return true;
  connections().add(handle, t_watch);
  return !t_watch->disconnected() || !may_disconnect_attempt(handle);
}

/** How long a read of an attempt sleeps. Data ends the sleep, and so does a disconnect by another thread. */
constexpr int kReadSleepMs = 10;
/** Reads of attempts on this thread that found nothing, since one that found something. */
thread_local unsigned t_empty_reads = 0;

/** Called after a read that found nothing. SPDK reads until it finds nothing: only one more read is a wait. */
void wait_for_data(int socket) {
  if (++t_empty_reads < 2) return;
  pollfd ready{.fd = socket, .events = POLLIN, .revents = 0};
  poll(&ready, 1, kReadSleepMs);
}

/** What reads outside of attempts on this thread found. */
thread_local EmptyReads t_socket_reads;

/** Whether the latest call of rdma_get_cm_event() on this thread returned an event. */
thread_local bool t_gave_event = false;

bool has_waited_enough() {
  if (t_interrupted != nullptr && (*t_interrupted)()) return true;
  if (t_wait_until == Clock::time_point::max()) return false;
  return t_wait_until == Clock::time_point::min() || Clock::now() >= t_wait_until;
}

}  // namespace

// The wraps (see wrapped.txt). NOLINTBEGIN(bugprone-reserved-identifier): the linker gives these names.

extern "C" {

decltype(close) __real_close;
decltype(connect) __real_connect;
decltype(rdma_ack_cm_event) __real_rdma_ack_cm_event;
decltype(rdma_connect) __real_rdma_connect;
decltype(rdma_destroy_id) __real_rdma_destroy_id;
decltype(rdma_destroy_qp) __real_rdma_destroy_qp;
decltype(rdma_get_cm_event) __real_rdma_get_cm_event;
decltype(readv) __real_readv;
}

namespace {

/** Never destroyed, as connections(). */
CmEvents& cm_events() {
  static auto& events = *new CmEvents(__real_rdma_get_cm_event, __real_rdma_ack_cm_event);
  return events;
}

/** Reads outside of attempts. */
ssize_t read_established(int descriptor, const iovec* parts, int count) {
  if (LastAnswer::has_come()) return fail(EAGAIN);
  // Later releases have poll groups, which poll what has received something.
  if constexpr (kAsyncQueuePairs) return __real_readv(descriptor, parts, count);
  if (!t_socket_reads.worth_reading(descriptor)) return fail(EAGAIN);
  const ssize_t result = __real_readv(descriptor, parts, count);
  t_socket_reads.note(descriptor, result);
  return result;
}

}  // namespace

extern "C" {

// SPDK waits for CM events before v22.05 only.

int __wrap_rdma_get_cm_event(rdma_event_channel* channel, rdma_cm_event** event) {
  if (kAsyncQueuePairs) {
    const int result = __real_rdma_get_cm_event(channel, event);
    if (result == 0) ended_connections().note(**event);
    return result;
  }
  if (has_waited_enough() || (t_watch != nullptr && t_watch->disconnected())) {
    // SPDK takes all available events before it handles one: an error now would make it forget the others.
    return fail(std::exchange(t_gave_event, false) ? EAGAIN : ENOTCONN);
  }
  const int result = cm_events().get(channel, event);
  t_gave_event = result == 0;
  return result;
}

int __wrap_rdma_ack_cm_event(rdma_cm_event* event) {
  return kAsyncQueuePairs ? __real_rdma_ack_cm_event(event) : cm_events().acknowledge(event);
}

int __wrap_rdma_connect(rdma_cm_id* id, rdma_conn_param* parameters) {
  if (!watch_connection(id)) return fail(ECANCELED);
  return __real_rdma_connect(id, parameters);
}

void __wrap_rdma_destroy_qp(rdma_cm_id* id) {
  connections().remove(id);
  forget_disconnected(id->qp);
  __real_rdma_destroy_qp(id);
}

int __wrap_rdma_destroy_id(rdma_cm_id* id) {
  connections().remove(id);
  if (kAsyncQueuePairs) {
    ended_connections().forget(id);
  } else {
    cm_events().drop(id);
  }
  return __real_rdma_destroy_id(id);
}

int __wrap_connect(int socket, const sockaddr* address, socklen_t size) {
  if (!watch_connection(socket)) return fail(ECANCELED);
  if (!bind_to_source(socket, address->sa_family)) return -1;
  return __real_connect(socket, address, size);
}

ssize_t __wrap_readv(int descriptor, const iovec* parts, int count) {
  if (t_watch == nullptr) return read_established(descriptor, parts, count);
  const ssize_t result = __real_readv(descriptor, parts, count);
  const int error = result < 0 ? errno : 0;
  if (result > 0) {
    t_empty_reads = 0;
  } else if (error == EAGAIN) {
    wait_for_data(descriptor);
  }
  if (result < 0) errno = error;
  return result;
}

int __wrap_close(int descriptor) {
  if (connections().remove(descriptor)) drop_unsent_at_close(descriptor);
  return __real_close(descriptor);
}

}  // extern "C"

// NOLINTEND(bugprone-reserved-identifier)

}  // namespace spdk_nvme::spdk
