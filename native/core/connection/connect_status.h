#pragma once

#include <string>
#include <vector>

#include "native/core/base/status.h"

namespace spdk_nvme {

/** What a caller learns of a connect that failed, from the lines that SPDK logged during it. Any thread. */
Status connect_status(const std::vector<std::string>& log_lines);

}  // namespace spdk_nvme
