// Wraps (see wrapped.txt) the function with which SPDK makes the group of sockets of a poll group.

#include "native/spdk/interpose/socket_groups.h"

#include <spdk/sock.h>

namespace spdk_nvme::spdk {

// NOLINTBEGIN(bugprone-reserved-identifier): the linker gives these names.

extern "C" {

// Weak, because shared libraries of SPDK may not be linked for it.
[[gnu::weak]] decltype(spdk_sock_group_create) __real_spdk_sock_group_create;
// NOLINTNEXTLINE(readability-redundant-declaration): weak, which its header does not say.
[[gnu::weak]] decltype(spdk_sock_group_close) spdk_sock_group_close;

spdk_sock_group* __wrap_spdk_sock_group_create(void* context) {
  return make_whole_group([context] { return __real_spdk_sock_group_create(context); },
                          [](spdk_sock_group** group) { spdk_sock_group_close(group); });
}

}  // extern "C"

// NOLINTEND(bugprone-reserved-identifier)

}  // namespace spdk_nvme::spdk
