#include "native/core/base/socket_events.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <system_error>
#include <utility>

#include "native/core/base/thread_name.h"

namespace spdk_nvme {

namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kEventsAtOnce = 64;
/** After events that follow others within this time the thread sleeps for it, so that one wake-up serves those of many sockets. */
constexpr std::chrono::milliseconds kTogether{2};

bool add_to(int events, int descriptor, uint32_t wanted) {
  epoll_event event{};
  event.events = wanted;
  event.data.fd = descriptor;
  return epoll_ctl(events, EPOLL_CTL_ADD, descriptor, &event) == 0;
}

/** Not by close(), which the addon wraps for SPDK's sockets: the wrap takes the lock that those who add a socket hold. */
void close_if_open(int& descriptor) {
  if (descriptor >= 0) syscall(SYS_close, std::exchange(descriptor, -1));
}

}  // namespace

bool SocketEvents::add(int socket, Kind kind, Notify notify) {
  const std::lock_guard<std::mutex> guard(mutex_);
  if (stopped_ || !start()) return false;
  // Edges: what SPDK leaves unread, or an ended connection that it has not closed yet, is reported once.
  const uint32_t wanted = EPOLLET | EPOLLRDHUP | (kind == Kind::data ? static_cast<uint32_t>(EPOLLIN) : 0);
  if (!add_to(events_, socket, wanted)) return false;
  notify_[socket] = std::move(notify);
  return true;
}

void SocketEvents::remove(int socket) {
  const std::lock_guard<std::mutex> guard(mutex_);
  // Closing the socket does not remove it while another process has inherited it.
  if (notify_.erase(socket) > 0) epoll_ctl(events_, EPOLL_CTL_DEL, socket, nullptr);
}

/** Starts the thread, if there is none. Holds: mutex_. */
bool SocketEvents::start() {
  if (thread_.joinable()) return true;
  events_ = epoll_create1(EPOLL_CLOEXEC);
  ending_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (events_ >= 0 && ending_ >= 0 && add_to(events_, ending_, EPOLLIN)) {
    try {
      thread_ = std::thread([this] { watch(); });
      return true;
    } catch (const std::system_error&) {
      // The limit of threads; without this one all works, though not as cheaply.
    }
  }
  close_if_open(events_);
  close_if_open(ending_);
  return false;
}

void SocketEvents::watch() const {
  name_this_thread("spdk-sockets");
  std::array<epoll_event, kEventsAtOnce> ready{};
  Clock::time_point waited{};
  while (true) {
    const int count = epoll_wait(events_, ready.data(), ready.size(), -1);
    if (count < 0 && errno != EINTR) return;
    for (int i = 0; i < count; i++) {
      if (ready[i].data.fd == ending_) return;
      notify(ready[i].data.fd);
    }
    if (Clock::now() - waited < kTogether) std::this_thread::sleep_for(kTogether);
    waited = Clock::now();
  }
}

/**
 * Does nothing for a socket that was removed meanwhile. If another one has its number, that one is notified,
 * which does no harm.
 */
void SocketEvents::notify(int socket) const {
  const std::lock_guard<std::mutex> guard(mutex_);
  const auto found = notify_.find(socket);
  if (found != notify_.end()) found->second();
}

void SocketEvents::stop() {
  std::map<int, Notify> dropped;
  {
    const std::lock_guard<std::mutex> guard(mutex_);
    stopped_ = true;
    dropped.swap(notify_);
  }
  if (thread_.joinable()) {
    eventfd_write(ending_, 1);
    thread_.join();
  }
  close_if_open(events_);
  close_if_open(ending_);
}

}  // namespace spdk_nvme
