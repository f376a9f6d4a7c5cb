// Wraps (see wrapped.txt) what SPDK does with sockets, and its poll of a queue pair. A watch of the connection learns what was read.

#include "native/spdk/interpose/socket_use.h"

#include <spdk/nvme.h>
#include <spdk/sock.h>

#include <cerrno>
#include <utility>

#include "native/spdk/interpose/connection_watch.h"

namespace spdk_nvme::spdk {

void ConnectionWatch::note_read(ssize_t result) {
  // Newer releases return the error's number.
  const ssize_t error = result == -1 ? -errno : result;
  if (result > 0) {
    target_has_responded_.store(true, std::memory_order_release);
  } else if (error != -EAGAIN && !disconnected()) {
    target_has_ended_.store(true, std::memory_order_release);
  }
}

namespace {

ssize_t note_read(ssize_t result) {
  socket_use.reads++;
  if (ConnectionWatch* const watch = current_watch()) watch->note_read(result);
  return result;
}

}  // namespace

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
  return note_read(__real_spdk_sock_recv(socket, data, size));
}

ssize_t __wrap_spdk_sock_readv(spdk_sock* socket, iovec* parts, int count) {
  return note_read(__real_spdk_sock_readv(socket, parts, count));
}

int32_t __wrap_nvme_transport_qpair_process_completions(spdk_nvme_qpair* queue_pair, uint32_t most) {
  return poll_what_is_read([=] { return __real_nvme_transport_qpair_process_completions(queue_pair, most); });
}

}  // extern "C"

// NOLINTEND(bugprone-reserved-identifier)

}  // namespace spdk_nvme::spdk
