#include "native/core/connection/address_check.h"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <rdma/rdma_cma.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

namespace spdk_nvme {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

/** How long a check sleeps before it looks whether it was cancelled. */
constexpr milliseconds kLook{20};

struct FreeAddress {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};
using Address = std::unique_ptr<addrinfo, FreeAddress>;

struct DestroyChannel {
  void operator()(rdma_event_channel* channel) const { rdma_destroy_event_channel(channel); }
};
struct DestroyId {
  void operator()(rdma_cm_id* id) const { rdma_destroy_id(id); }
};

class Socket {
 public:
  explicit Socket(int family) : fd_(socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {}
  ~Socket() {
    if (fd_ >= 0) close(fd_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  [[nodiscard]] int fd() const { return fd_; }

 private:
  int fd_;
};

Address numeric_address(const char* host, const char* service) {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  return Address(getaddrinfo(host, service, &hints, &list) == 0 ? list : nullptr);
}

/** Why the kernel does not use an address. */
std::string why_unusable(const sockaddr& address, int error) {
  if (error == EADDRNOTAVAIL) return "no interface has it";
  if (error == EINVAL && address.sa_family == AF_INET6) {
    const auto& ipv6 = reinterpret_cast<const sockaddr_in6&>(address);
    if (IN6_IS_ADDR_LINKLOCAL(&ipv6.sin6_addr) && ipv6.sin6_scope_id == 0)
      return "a link-local address needs its interface, as in fe80::1%eth0";
  }
  return strerror(error);
}

Status unreachable(const AddressCheck& check, const std::string& why, int error) {
  const auto& id = check.transport_id;
  return Status::failure("ERR_SPDK_UNREACHABLE",
                         std::string("no response from ") + id.traddr + " port " + id.trsvcid + ": " + why,
                         error);
}

/** The status for a machine that lacks something: nothing was sent. */
Status cannot_open(const char* what, int error) {
  const bool full = error == EMFILE || error == ENFILE;
  return Status::failure(full ? "ERR_SPDK_NO_DESCRIPTORS" : "ERR_SPDK_ATTACH_FAILED",
                         std::string(what) + ": " + strerror(error), error);
}

/** Waits until the descriptor is ready. False when the time is over or the call was cancelled. */
bool wait_for(int fd, short events, const AddressCheck& check) {
  while (Clock::now() < check.deadline && !check.cancelled()) {
    pollfd ready{.fd = fd, .events = events, .revents = 0};
    if (poll(&ready, 1, static_cast<int>(kLook.count())) > 0) return true;
  }
  return false;
}

/** Binds a socket to the source address, which shows whether it can be connected from. */
Status bind_source(const Socket& socket, const AddressCheck& check, const addrinfo& source) {
  if (bind(socket.fd(), source.ai_addr, source.ai_addrlen) == 0) return Status::success();
  return Status::failure("ERR_SPDK_UNREACHABLE",
                         "sourceAddress " + check.source_address +
                             " is not usable on this machine: " + why_unusable(*source.ai_addr, errno),
                         errno);
}

Status check_tcp(const AddressCheck& check, const addrinfo& target, const addrinfo* source) {
  const Socket probe(target.ai_family);
  if (probe.fd() < 0) return cannot_open("no socket can be opened", errno);
  if (source != nullptr) {
    if (Status bound = bind_source(probe, check, *source); !bound.ok()) return bound;
  }
  if (connect(probe.fd(), target.ai_addr, target.ai_addrlen) != 0) {
    if (errno == EINVAL) return unreachable(check, why_unusable(*target.ai_addr, errno), errno);
    if (errno != EINPROGRESS) return unreachable(check, strerror(errno), errno);
    if (!wait_for(probe.fd(), POLLOUT, check)) return unreachable(check, "no response in time", ETIMEDOUT);
    int error = 0;
    socklen_t size = sizeof(error);
    getsockopt(probe.fd(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return unreachable(check, strerror(error), error);
  }
  return Status::success();
}

Status check_rdma(const AddressCheck& check, const addrinfo& target, const addrinfo* source) {
  if (source != nullptr) {
    // The connection manager would only say that no device has been found.
    const Socket probe(source->ai_family);
    if (Status bound = bind_source(probe, check, *source); !bound.ok()) return bound;
  }
  const std::unique_ptr<rdma_event_channel, DestroyChannel> channel(rdma_create_event_channel());
  if (!channel && (errno == EMFILE || errno == ENFILE)) return cannot_open("no RDMA event channel", errno);
  if (!channel)
    return Status::failure("ERR_SPDK_NO_RDMA_DEVICE",
                           "the RDMA connection manager is not available (kernel module rdma_ucm)", errno);
  rdma_cm_id* raw = nullptr;
  if (rdma_create_id(channel.get(), &raw, nullptr, RDMA_PS_TCP) != 0) {
    return cannot_open("no RDMA connection can be made", errno);
  }
  const std::unique_ptr<rdma_cm_id, DestroyId> id(raw);
  const auto left = std::chrono::duration_cast<milliseconds>(check.deadline - Clock::now()).count();
  if (rdma_resolve_addr(raw, source == nullptr ? nullptr : source->ai_addr, target.ai_addr,
                        static_cast<int>(std::max<int64_t>(left, 1))) != 0) {
    if (errno == ENODEV)
      return Status::failure("ERR_SPDK_NO_RDMA_DEVICE", "no RDMA device reaches the address", errno);
    return unreachable(check, strerror(errno), errno);
  }
  if (!wait_for(channel->fd, POLLIN, check))
    return unreachable(check, "the address was not resolved in time", ETIMEDOUT);
  rdma_cm_event* event = nullptr;
  if (rdma_get_cm_event(channel.get(), &event) != 0) return unreachable(check, strerror(errno), errno);
  const auto kind = event->event;
  const int error = -event->status;
  rdma_ack_cm_event(event);
  if (kind == RDMA_CM_EVENT_ADDR_RESOLVED) return Status::success();
  if (error == ENODEV)
    return Status::failure("ERR_SPDK_NO_RDMA_DEVICE", "no RDMA device reaches the address", error);
  return unreachable(check, "the address cannot be resolved", error);
}

}  // namespace

Status check_address(const AddressCheck& check) {
  const auto& id = check.transport_id;
  if (id.trtype != SPDK_NVME_TRANSPORT_RDMA && id.trtype != SPDK_NVME_TRANSPORT_TCP) return Status::success();
  const Address target = numeric_address(id.traddr, id.trsvcid);
  const Address source =
      check.source_address.empty() ? nullptr : numeric_address(check.source_address.c_str(), nullptr);
  // JavaScript has checked that they are numeric.
  constexpr auto kZone =
      "after the % of a link-local address stands an interface of this machine, and after others nothing";
  if (!target) return Status::failure("ERR_SPDK_INVALID_TRANSPORT_ID", kZone);
  if (!check.source_address.empty() && !source)
    return Status::failure("ERR_SPDK_INVALID_ARG_VALUE",
                           "sourceAddress " + check.source_address + " is not usable: " + kZone);
  return id.trtype == SPDK_NVME_TRANSPORT_RDMA ? check_rdma(check, *target, source.get())
                                               : check_tcp(check, *target, source.get());
}

}  // namespace spdk_nvme
