#pragma once

#include <functional>

#include "native/core/connection/admin_commands.h"
#include "native/core/connection/controller_info.h"
#include "native/core/io/namespace_table.h"

namespace spdk_nvme {

// The limits of commands that act on a range of blocks without transferring it; MDTS does not apply to them.
// SPDK reads these limits from v26 on at the earliest. Control thread.

/** Whether a controller may report such limits. Linux asks from the same version on. */
bool may_limit_ranges(const ControllerInfo& info);

/**
 * Asks for them. `found` gets them, or none if the controller rejects the command; and whether it rejects it as one that it does not have.
 */
AdminCommand ask_range_limits(std::function<void(RangeLimits, bool unknown)> found);

}  // namespace spdk_nvme
