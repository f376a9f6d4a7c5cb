#pragma once

#include <spdk/nvme.h>

#include <cstdint>
#include <string>
#include <vector>

#include "native/core/io/namespace_tags.h"

namespace spdk_nvme {

/**
 * A namespace as the controller described it (NVMe base specification, "Identify Namespace"). Sizes are in bytes; 0
 * where the controller does not say.
 */
struct NamespaceInfo {
  uint32_t id = 0;
  uint64_t blocks = 0;
  uint32_t block_size = 0;
  uint32_t metadata_size = 0;         // bytes for each block
  bool metadata_interleaved = false;  // in one buffer with the data, else in one of its own
  uint32_t protection_type = 0;       // 0: off
  bool protection_first = false;      // in the metadata's first bytes, else in its last
  uint32_t guard_bits = 0;            // of the checksum in protection information; 0: off
  uint32_t io_boundary = 0;
  uint32_t write_granularity = 0;
  uint32_t write_alignment = 0;
  uint32_t write_size = 0;
  uint32_t deallocate_granularity = 0;
  uint32_t deallocate_alignment = 0;
  // Optional commands that both the controller and the linked SPDK have.
  bool compares = false;
  bool writes_zeroes = false;
  bool deallocates = false;
  bool verifies = false;
  bool writes_uncorrectable = false;
  /** The most blocks of a fused Compare and Write; 0 for none. */
  uint32_t compare_and_write_blocks = 0;
  // Limits of a Copy command: source ranges, blocks of one range, blocks of all; 0 if there is no such command.
  uint32_t copy_ranges = 0;
  uint32_t copy_range_blocks = 0;
  uint32_t copy_blocks = 0;
  // Empty when the controller gives none.
  std::string uuid;   // 8-4-4-4-12
  std::string nguid;  // hexadecimal
  std::string eui64;
  /** The tag of the namespace, see NamespaceTags. */
  uint32_t tag = 0;
};

/** What the controller said of itself when it was attached (NVMe base specification, "Identify Controller"). */
struct ControllerInfo {
  std::string model;
  std::string serial;
  std::string firmware;
  std::string subsystem_nqn;
  uint16_t cntlid = 0;
  uint16_t vendor_id = 0;
  uint32_t version = 0;             // VS register: major << 16 | minor << 8 | tertiary
  uint32_t max_transfer_bytes = 0;  // of one command; what is longer is sent as several
  uint8_t mdts = 0;
  uint32_t max_namespaces = 0;
  uint32_t io_queues = 0;    // granted by the target, at most as many as requested
  uint32_t queue_depth = 0;  // commands a queue, clipped to what the controller allows
};

ControllerInfo read_controller_info(spdk_nvme_ctrlr* controller);
std::vector<NamespaceInfo> read_namespaces(spdk_nvme_ctrlr* controller, NamespaceTags& tags);

}  // namespace spdk_nvme
