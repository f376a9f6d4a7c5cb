#pragma once

#include <string>
#include <vector>

#include "native/core/base/status.h"

namespace spdk_nvme {

/**
 * Explains to a caller why a connect failed, from the lines that SPDK logged during it. Any thread.
 * @param names of the subsystem that was connected to, and of the host
 * @param target_has_ended the target closed a TCP connection meanwhile
 * @param encrypted the connection was to be encrypted
 */
Status connect_status(const std::vector<std::string>& log_lines, const std::vector<std::string>& names,
                      bool target_has_ended, bool encrypted);

}  // namespace spdk_nvme
