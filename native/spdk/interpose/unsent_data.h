#pragma once

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

namespace spdk_nvme::spdk {

/**
 * Has the kernel drop what the target has not acknowledged when this TCP socket is closed. Otherwise it sends that for minutes after the
 * close: over a link that was cut, a write would arrive when the link is back, and replace what was written since over another connection.
 */
inline void drop_unsent_at_close(int socket) {
  int bytes = 0;
  if (ioctl(socket, SIOCOUTQ, &bytes) != 0 || bytes == 0) return;
  const linger reset{.l_onoff = 1, .l_linger = 0};
  setsockopt(socket, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
}

}  // namespace spdk_nvme::spdk
