#pragma once

#include <string>
#include <vector>

#include "native/core/base/status.h"

namespace spdk_nvme {

/** What a failed connect over TCP shows besides SPDK's log. */
struct ConnectSigns {
  /** The connection was to be encrypted. */
  bool encrypted = false;
  /** The target sent something; on an encrypted connection, after the handshake. */
  bool target_responded = false;
  /** The target closed a connection. */
  bool target_ended = false;
};

/**
 * Explains to a caller why a connect failed, from the lines that SPDK logged during it. Any thread.
 * @param names of the subsystem that was connected to, and of the host
 */
Status connect_status(const std::vector<std::string>& log_lines, const std::vector<std::string>& names,
                      const ConnectSigns& signs);

}  // namespace spdk_nvme
