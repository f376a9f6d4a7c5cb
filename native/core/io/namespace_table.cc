#include "native/core/io/namespace_table.h"

#include "native/spdk/command_limits.h"

namespace spdk_nvme {

std::shared_ptr<const NamespaceTable> read_namespace_table(spdk_nvme_ctrlr* controller, NamespaceTags& tags) {
  tags.update(controller);
  NamespaceTable::Entries entries;
  for (uint32_t id = spdk_nvme_ctrlr_get_first_active_ns(controller); id != 0;
       id = spdk_nvme_ctrlr_get_next_active_ns(controller, id)) {
    spdk_nvme_ns* space = spdk_nvme_ctrlr_get_ns(controller, id);
    if (space == nullptr || !spdk_nvme_ns_is_active(space)) continue;
    entries.emplace(id, NamespaceEntry{.space = space,
                                       .block_size = spdk_nvme_ns_get_sector_size(space),
                                       .blocks = spdk_nvme_ns_get_num_sectors(space),
                                       .metadata_size = spdk_nvme_ns_get_md_size(space),
                                       .boundary = spdk_nvme_ns_get_optimal_io_boundary(space),
                                       .tag = tags.of(id)});
  }
  const CommandLimits limits{.bytes = spdk::max_command_bytes(controller),
                             .segments = spdk::max_command_segments(controller)};
  return std::make_shared<const NamespaceTable>(limits, std::move(entries));
}

}  // namespace spdk_nvme
