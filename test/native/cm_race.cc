// The mechanism of SPDK issue 3347 with real rdma_cm ids and nothing of SPDK: several ids share one event
// channel, a reaper thread (in SPDK: whoever polls the admin queue) takes events off it and parks them for
// their ids, and owner threads destroy ids as a queue pair does that leaves the LINGERING state: acknowledge
// what is parked, then rdma_destroy_id(). An event that is parked in between is never acknowledged, and
// rdma_destroy_id() waits for it.
//
//   cm_race ADDRESS with-lock|without-lock IDS
//
// The lock is the product's own. The window between the two steps is held open until the connection manager
// has had the time to report TIMEWAIT_EXIT, so that without the lock every id falls into it. Prints what
// became of the ids; exit status 0 when all were destroyed, 3 when the watchdog found some hanging, 1 when
// the set-up failed.

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <rdma/rdma_cma.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <list>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "native/core/base/linger_lock.h"

namespace {

using namespace std::chrono_literals;
using spdk_nvme::LingerLock;
using Clock = std::chrono::steady_clock;

constexpr uint16_t kPort = 4499;
constexpr int kResolveMs = 2'000;
/** Timewait lasts some seconds; events come within this time after the disconnect. */
constexpr auto kWindow = 8s;
/** Without a hang everything ends soon after the window. */
constexpr auto kWatchdog = 16s;
/** And an id soon after its thread began to destroy it. */
constexpr auto kDestroyed = 4s;

void check(bool ok, const char* what) {
  if (!ok) throw std::runtime_error(std::string(what) + ": " + strerror(errno));
}

/** Holds the lock, or pretends to. */
class MaybeLock {
 public:
  MaybeLock(bool real, size_t threads) : real_(real), lock_(threads) {}
  template <typename Body>
  void shared(size_t thread, Body body) {
    if (!real_) return body();
    const LingerLock::SharedGuard together(lock_, thread);
    body();
  }
  template <typename Body>
  void exclusive(Body body) {
    if (!real_) return body();
    const LingerLock::ExclusiveGuard alone(lock_);
    body();
  }

 private:
  const bool real_;
  LingerLock lock_;
};

/** Accepts every connection and completes every disconnect, on a thread that lives as long as the process. */
class Server {
 public:
  explicit Server(const sockaddr_in& address) : channel_(rdma_create_event_channel()) {
    check(channel_ != nullptr, "rdma_create_event_channel");
    rdma_cm_id* listener = nullptr;
    check(rdma_create_id(channel_, &listener, nullptr, RDMA_PS_TCP) == 0, "rdma_create_id");
    sockaddr_in copy = address;
    check(rdma_bind_addr(listener, reinterpret_cast<sockaddr*>(&copy)) == 0, "rdma_bind_addr");
    check(rdma_listen(listener, 64) == 0, "rdma_listen");
    std::thread([this] { serve(); }).detach();
  }

 private:
  void serve() {
    rdma_cm_event* event = nullptr;
    while (rdma_get_cm_event(channel_, &event) == 0) {
      rdma_cm_id* id = event->id;
      const auto kind = event->event;
      rdma_ack_cm_event(event);
      if (kind == RDMA_CM_EVENT_CONNECT_REQUEST) {
        ibv_qp_init_attr attributes{};
        attributes.qp_type = IBV_QPT_RC;
        attributes.cap = {
            .max_send_wr = 1, .max_recv_wr = 1, .max_send_sge = 1, .max_recv_sge = 1, .max_inline_data = 0};
        rdma_conn_param parameters{};
        if (rdma_create_qp(id, nullptr, &attributes) == 0) rdma_accept(id, &parameters);
      } else if (kind == RDMA_CM_EVENT_DISCONNECTED) {
        rdma_disconnect(id);
      }
    }
  }

  rdma_event_channel* channel_;
};

/** The client: one channel for all ids, and the events parked for each, as in SPDK's controller. */
class Channel {
 public:
  Channel() : channel_(rdma_create_event_channel()) {
    check(channel_ != nullptr, "rdma_create_event_channel");
    const int flags = fcntl(channel_->fd, F_GETFL);
    check(fcntl(channel_->fd, F_SETFL, flags | O_NONBLOCK) == 0, "fcntl");
  }

  rdma_cm_id* connect(sockaddr_in address) {
    rdma_cm_id* id = nullptr;
    check(rdma_create_id(channel_, &id, nullptr, RDMA_PS_TCP) == 0, "rdma_create_id");
    check(rdma_resolve_addr(id, nullptr, reinterpret_cast<sockaddr*>(&address), kResolveMs) == 0,
          "rdma_resolve_addr");
    await(RDMA_CM_EVENT_ADDR_RESOLVED);
    check(rdma_resolve_route(id, kResolveMs) == 0, "rdma_resolve_route");
    await(RDMA_CM_EVENT_ROUTE_RESOLVED);
    ibv_qp_init_attr attributes{};
    attributes.qp_type = IBV_QPT_RC;
    attributes.cap = {
        .max_send_wr = 1, .max_recv_wr = 1, .max_send_sge = 1, .max_recv_sge = 1, .max_inline_data = 0};
    check(rdma_create_qp(id, nullptr, &attributes) == 0, "rdma_create_qp");
    rdma_conn_param parameters{};
    check(rdma_connect(id, &parameters) == 0, "rdma_connect");
    await(RDMA_CM_EVENT_ESTABLISHED);
    return id;
  }

  /** Takes all events off the channel and parks them: what polling does, under the shared side. */
  void reap() {
    rdma_cm_event* event = nullptr;
    while (rdma_get_cm_event(channel_, &event) == 0) {
      const std::lock_guard<std::mutex> guard(mutex_);
      parked_.push_back(event);
    }
  }

  /** Acknowledges what is parked for an id: the first half of destroying a queue pair. */
  void acknowledge(const rdma_cm_id* id) {
    const std::lock_guard<std::mutex> guard(mutex_);
    std::erase_if(parked_,
                  [id](rdma_cm_event* event) { return event->id == id && rdma_ack_cm_event(event) == 0; });
  }

  bool parked_for(const rdma_cm_id* id) {
    const std::lock_guard<std::mutex> guard(mutex_);
    for (const rdma_cm_event* event : parked_) {
      if (event->id == id) return true;
    }
    return false;
  }

 private:
  void await(rdma_cm_event_type expected) {
    pollfd readable{.fd = channel_->fd, .events = POLLIN, .revents = 0};
    check(::poll(&readable, 1, kResolveMs * 2) == 1, "no CM event in time");
    rdma_cm_event* event = nullptr;
    check(rdma_get_cm_event(channel_, &event) == 0, "rdma_get_cm_event");
    const auto kind = event->event;
    rdma_ack_cm_event(event);
    if (kind != expected) throw std::runtime_error(std::string("unexpected ") + rdma_event_str(kind));
  }

  rdma_event_channel* channel_;
  /** Guards parked_. SPDK's own lock does the same and does not help: the event arrives while neither thread holds it. */
  std::mutex mutex_;
  std::list<rdma_cm_event*> parked_;
};

int run(const sockaddr_in& address, bool with_lock, size_t count) {
  const Server server(address);
  auto& channel = *new Channel();  // threads that hang keep using it
  auto& lock = *new MaybeLock(with_lock, 1);
  std::vector<rdma_cm_id*> ids;
  for (size_t i = 0; i < count; i++) ids.push_back(channel.connect(address));

  auto& begun = *new std::atomic<size_t>(0);
  auto& destroyed = *new std::atomic<size_t>(0);
  for (rdma_cm_id* id : ids) check(rdma_disconnect(id) == 0, "rdma_disconnect");
  const auto window_end = Clock::now() + kWindow;

  // Nothing is parked before the owners have looked: each then waits in its window for the reaper.
  std::atomic<size_t>& looked = *new std::atomic<size_t>(0);
  for (rdma_cm_id* id : ids) {
    std::thread([&channel, &lock, &begun, &destroyed, &looked, id, window_end] {
      lock.exclusive([&] {
        channel.acknowledge(id);
        looked++;
        while (Clock::now() < window_end && !channel.parked_for(id)) std::this_thread::sleep_for(1ms);
        if (id->qp != nullptr) rdma_destroy_qp(id);
        begun++;
        rdma_destroy_id(id);
      });
      destroyed++;
    }).detach();
  }
  while (looked == 0) std::this_thread::sleep_for(1ms);
  std::thread([&channel, &lock] {
    while (true) {
      lock.shared(0, [&channel] { channel.reap(); });
      std::this_thread::sleep_for(1ms);
    }
  }).detach();

  auto deadline = Clock::now() + kWatchdog;
  for (bool all = false; destroyed < count && Clock::now() < deadline; std::this_thread::sleep_for(10ms)) {
    if (all || begun < count) continue;
    all = true;
    deadline = Clock::now() + kDestroyed;
  }
  const size_t done = destroyed;
  printf("%zu of %zu ids destroyed, %zu hang in rdma_destroy_id\n", done, count, count - done);
  fflush(stdout);
  return done == count ? 0 : 3;
}

}  // namespace

int main(int argc, char** argv) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(kPort);
  const std::string mode = argc == 4 ? argv[2] : "";
  const size_t count = argc == 4 ? strtoul(argv[3], nullptr, 10) : 0;
  if ((mode != "with-lock" && mode != "without-lock") || count == 0 ||
      inet_pton(AF_INET, argv[1], &address.sin_addr) != 1) {
    fprintf(stderr, "usage: cm_race ADDRESS with-lock|without-lock IDS\n");
    return 1;
  }
  try {
    // Threads that hang in the kernel's library must not keep the process from telling.
    _exit(run(address, mode == "with-lock", count));
  } catch (const std::exception& error) {
    fprintf(stderr, "cm_race: %s\n", error.what());
    _exit(1);
  }
}
