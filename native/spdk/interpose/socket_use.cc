// Wraps (see wrapped.txt) what SPDK does with sockets, and its poll of a queue pair.

#include "native/spdk/interpose/socket_use.h"

#include <spdk/nvme.h>
#include <spdk/sock.h>

#include <cerrno>
#include <utility>

namespace spdk_nvme::spdk {

// NOLINTBEGIN(bugprone-reserved-identifier): the linker gives these names.

extern "C" {

// Weak, because shared libraries do not show all of them.
[[gnu::weak]] decltype(spdk_sock_flush) __real_spdk_sock_flush;
[[gnu::weak]] decltype(spdk_sock_readv) __real_spdk_sock_readv;
[[gnu::weak]] decltype(spdk_sock_recv) __real_spdk_sock_recv;
/** Of SPDK's lib/nvme/nvme_internal.h. */
[[gnu::weak]] int32_t __real_nvme_transport_qpair_process_completions(spdk_nvme_qpair* queue_pair,
                                                                      uint32_t most);

int __wrap_spdk_sock_flush(spdk_sock* socket) {
  if (std::exchange(socket_use.flush_fails, false)) {
    errno = EPROTO;
    return -EPROTO;
  }
  const int result = __real_spdk_sock_flush(socket);
  // Not that of a queue pair that is being disconnected, which has no socket.
  if (result >= 0 || result == -EAGAIN || errno == EAGAIN) socket_use.flushes++;
  return result;
}

ssize_t __wrap_spdk_sock_recv(spdk_sock* socket, void* data, size_t size) {
  socket_use.reads++;
  return __real_spdk_sock_recv(socket, data, size);
}

ssize_t __wrap_spdk_sock_readv(spdk_sock* socket, iovec* parts, int count) {
  socket_use.reads++;
  return __real_spdk_sock_readv(socket, parts, count);
}

int32_t __wrap_nvme_transport_qpair_process_completions(spdk_nvme_qpair* queue_pair, uint32_t most) {
  return poll_what_is_read([=] { return __real_nvme_transport_qpair_process_completions(queue_pair, most); });
}

}  // extern "C"

// NOLINTEND(bugprone-reserved-identifier)

}  // namespace spdk_nvme::spdk
