#include "native/core/io/namespace_table.h"

#include <algorithm>

#include "native/spdk/command_limits.h"

namespace spdk_nvme {

uint32_t compare_and_write_blocks(spdk_nvme_ctrlr* controller, spdk_nvme_ns* ns) {
  // NVMe base specification, "Identify Controller" and "Identify Namespace"; both counts are one less than they say.
  constexpr size_t kFuses = 522;
  constexpr size_t kAtomicUnit = 532;
  constexpr size_t kNamespaceAtomicUnit = 38;
  constexpr size_t kFeatures = 24;
  constexpr uint8_t kHasAtomicUnit = 1 << 1;
  const auto* controller_data = reinterpret_cast<const uint8_t*>(spdk_nvme_ctrlr_get_data(controller));
  if ((controller_data[kFuses] & 1) == 0) return 0;
  const auto* data = reinterpret_cast<const uint8_t*>(spdk_nvme_ns_get_data(ns));
  const uint8_t* unit =
      (data[kFeatures] & kHasAtomicUnit) != 0 ? data + kNamespaceAtomicUnit : controller_data + kAtomicUnit;
  // Each command of the pair transfers all of the blocks.
  const uint32_t transferred = spdk::max_command_bytes(controller) / spdk_nvme_ns_get_sector_size(ns);
  return std::min((unit[0] | unit[1] << 8) + 1U, transferred);
}

std::shared_ptr<const NamespaceTable> read_namespace_table(spdk_nvme_ctrlr* controller, NamespaceTags& tags,
                                                           const RangeLimits& ranges) {
  tags.update(controller);
  NamespaceTable::Entries entries;
  for (uint32_t id = spdk_nvme_ctrlr_get_first_active_ns(controller); id != 0;
       id = spdk_nvme_ctrlr_get_next_active_ns(controller, id)) {
    spdk_nvme_ns* ns = spdk_nvme_ctrlr_get_ns(controller, id);
    if (ns == nullptr || !spdk_nvme_ns_is_active(ns)) continue;
    entries.emplace(id, NamespaceEntry{.ns = ns,
                                       .block_size = spdk_nvme_ns_get_sector_size(ns),
                                       .blocks = spdk_nvme_ns_get_num_sectors(ns),
                                       .metadata_size = spdk_nvme_ns_get_md_size(ns),
                                       .metadata_interleaved = spdk_nvme_ns_supports_extended_lba(ns),
                                       .protection_type = static_cast<uint32_t>(spdk_nvme_ns_get_pi_type(ns)),
                                       .boundary = spdk_nvme_ns_get_optimal_io_boundary(ns),
                                       .compare_and_write_blocks = compare_and_write_blocks(controller, ns),
                                       .tag = tags.of(id)});
  }
  const CommandLimits limits{.bytes = spdk::max_command_bytes(controller),
                             .segments = spdk::max_command_segments(controller),
                             .ranges = ranges};
  return std::make_shared<const NamespaceTable>(limits, std::move(entries));
}

}  // namespace spdk_nvme
