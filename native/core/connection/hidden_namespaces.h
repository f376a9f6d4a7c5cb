#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "native/core/connection/admin_commands.h"
#include "native/core/connection/controller_info.h"

namespace spdk_nvme {

/**
 * Namespaces whose ids are above the number that the controller gives as its limit (NN). The specification
 * has none, Linux's target gives them out, and SPDK passes over them. Control thread.
 */

/** Whether a controller may have such namespaces, and can list them. */
bool may_hide_namespaces(const ControllerInfo& info);

/** Asks for their ids, the first 1024; `found` gets them, unless the controller rejects the command. */
AdminCommand list_hidden_namespaces(const ControllerInfo& info,
                                    std::function<void(std::vector<uint32_t>)> found);

/** Describes them for a reader of the controller's history. */
std::string describe_hidden_namespaces(const std::vector<uint32_t>& ids, uint32_t limit);

}  // namespace spdk_nvme
