#pragma once

#include <sys/socket.h>

#include <string>

#include "native/spdk/release.h"

namespace spdk_nvme::spdk {

/**
 * Whether the package binds TCP sockets. Before v24.09 SPDK ignores src_addr over TCP. Before v22.05 the package's wrapper
 * of connect() (connection_watch.h) binds the socket first. From v22.05 to v24.05 nothing does, and the option is rejected.
 * From v24.09 on SPDK binds the socket, and a second bind() would fail.
 */
inline constexpr bool kBindsTcpSource = SPDK_NVME_RELEASE < 2205 && kStaticSpdk;

/** Whether the package or SPDK binds them. */
constexpr bool binds_tcp_source_address() {
  return kBindsTcpSource || SPDK_NVME_RELEASE >= 2409;
}

/** For messages: the first release in which SPDK binds them. */
inline constexpr const char* kFirstWithTcpSourceAddress = "v24.09";

/**
 * While one lives, TCP sockets that SPDK connects on this thread are first bound to this address, unless SPDK
 * binds them itself.
 */
class SourceAddress {
 public:
  /** Numeric, IPv4 or IPv6; empty: any. */
  explicit SourceAddress(const std::string& address);
  ~SourceAddress();
  SourceAddress(const SourceAddress&) = delete;
  SourceAddress& operator=(const SourceAddress&) = delete;
};

/** Binds a socket that this thread is about to connect. False with errno if that is not possible. */
bool bind_to_source(int socket, int family);

}  // namespace spdk_nvme::spdk
