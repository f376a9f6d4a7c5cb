#include "native/spdk/source_address.h"

#include <netdb.h>
#include <netinet/in.h>

#include <cstring>

namespace spdk_nvme::spdk {

namespace {

struct Source {
  sockaddr_storage address{};
  socklen_t size = 0;  // 0: any
};

thread_local Source t_source;

}  // namespace

SourceAddress::SourceAddress(const std::string& address) {
  if (!kBindsTcpSource || address.empty()) return;
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  if (getaddrinfo(address.c_str(), nullptr, &hints, &list) != 0) return;  // see check_address()
  memcpy(&t_source.address, list->ai_addr, list->ai_addrlen);
  t_source.size = list->ai_addrlen;
  freeaddrinfo(list);
}

SourceAddress::~SourceAddress() {
  t_source.size = 0;
}

bool bind_to_source(int socket, int family) {
  if (t_source.size == 0 || t_source.address.ss_family != family) return true;
  // Otherwise a bound socket immediately reserves a port, and many connections from one address use up the ports.
  const int on = 1;
  setsockopt(socket, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
  return bind(socket, reinterpret_cast<const sockaddr*>(&t_source.address), t_source.size) == 0;
}

}  // namespace spdk_nvme::spdk
