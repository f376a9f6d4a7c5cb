#pragma once

#include <cerrno>

struct spdk_sock_group;

namespace spdk_nvme::spdk {

/** How often this thread could not make an epoll descriptor for SPDK. */
inline thread_local unsigned failed_epolls = 0;

/**
 * Makes a group of sockets, or none. Without descriptors SPDK makes a group that can take no socket. A queue pair over TCP then joins
 * a poll group that it cannot be connected in, and SPDK (seen: v24.09) ends the process when it frees that queue pair.
 */
template <typename Create, typename Close>
spdk_sock_group* make_whole_group(Create create, Close close) {
  failed_epolls = 0;
  spdk_sock_group* group = create();
  if (group == nullptr || failed_epolls == 0) return group;
  close(&group);
  errno = EMFILE;
  return nullptr;
}

}  // namespace spdk_nvme::spdk
