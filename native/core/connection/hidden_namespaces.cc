#include "native/core/connection/hidden_namespaces.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace spdk_nvme {

namespace {

/** NVMe base specification, "Active Namespace ID list": up to 1024 ids, in ascending order, then zeroes. */
constexpr size_t kListBytes = 4096;
/** Namespace ids from here on have a meaning of their own, and start no list. */
constexpr uint32_t kFirstReserved = 0xFFFFFFFE;
/** Lists came with NVMe 1.1. */
constexpr uint32_t kFirstWithLists = 0x10100;
/** The most ids that a text names. */
constexpr size_t kNamed = 16;

std::vector<uint32_t> ids_in(const std::vector<uint8_t>& list) {
  std::vector<uint32_t> ids(list.size() / sizeof(uint32_t));
  memcpy(ids.data(), list.data(), ids.size() * sizeof(uint32_t));
  ids.erase(std::ranges::find(ids, 0U), ids.end());
  return ids;
}

}  // namespace

bool may_hide_namespaces(const ControllerInfo& info) {
  return info.version >= kFirstWithLists && info.max_namespaces < kFirstReserved;
}

AdminCommand list_hidden_namespaces(const ControllerInfo& info,
                                    std::function<void(std::vector<uint32_t>)> found) {
  AdminCommand command;
  command.opcode = SPDK_NVME_OPC_IDENTIFY;
  // The list has the ids above this one.
  command.namespace_id = info.max_namespaces;
  command.cdw[0] = SPDK_NVME_IDENTIFY_ACTIVE_NS_LIST;
  command.data.resize(kListBytes);
  command.awaited = false;
  command.done = [limit = info.max_namespaces, found = std::move(found)](const AdminResult& result) {
    if (!result.status.ok()) return;
    std::vector<uint32_t> ids = ids_in(result.data);
    // In case the target sent something else.
    std::erase_if(ids, [limit](uint32_t id) { return id <= limit; });
    found(std::move(ids));
  };
  return command;
}

std::string describe_hidden_namespaces(const std::vector<uint32_t>& ids, uint32_t limit) {
  std::string text;
  for (size_t i = 0; i < std::min(ids.size(), kNamed); i++) {
    text += (i == 0 ? "" : ", ") + std::to_string(ids[i]);
  }
  if (ids.size() > kNamed) text += " and " + std::to_string(ids.size() - kNamed) + " more";
  return (ids.size() == 1 ? "namespace " : "namespaces ") + text +
         " cannot be used: the controller reports " + std::to_string(limit) +
         " as its highest namespace id (NN), and SPDK skips higher ids";
}

}  // namespace spdk_nvme
