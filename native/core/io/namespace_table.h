#pragma once

#include <spdk/nvme.h>

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <utility>

#include "native/core/io/namespace_tags.h"

namespace spdk_nvme {

/** What sending a command to a namespace needs. */
struct NamespaceEntry {
  spdk_nvme_ns* ns = nullptr;
  uint32_t block_size = 0;
  uint64_t blocks = 0;
  uint32_t metadata_size = 0;
  bool metadata_interleaved = false;
  /** 0: off. */
  uint32_t protection_type = 0;
  /** Transfers should not cross a multiple of this many blocks; 0 for none. */
  uint32_t boundary = 0;
  /** The most blocks of a fused Compare and Write; 0 where the controller has none. */
  uint32_t compare_and_write_blocks = 0;
  /** See NamespaceTags. */
  uint32_t tag = 0;
};

/**
 * The most that one command may cover that acts on a range of blocks without transferring it; 0 if only the
 * size of its fields limits it.
 */
struct RangeLimits {
  uint64_t verify_bytes = 0;
  uint64_t write_zeroes_bytes = 0;
  uint64_t write_uncorrectable_bytes = 0;
  uint64_t deallocate_blocks = 0;

  bool operator==(const RangeLimits&) const = default;
};

/** The limits of one command. */
struct CommandLimits {
  uint32_t bytes = 0;
  uint32_t segments = 1;
  RangeLimits ranges = {};
};

/**
 * The namespaces of one controller at one moment, and the limits of its commands. The control thread makes
 * one at each change and passes it to the rings: from v22.05 on a look-up in SPDK takes its controller lock,
 * which an Identify command can hold for a long time. Immutable. Thread: any.
 */
class NamespaceTable {
 public:
  using Entries = std::unordered_map<uint32_t, NamespaceEntry>;

  NamespaceTable(CommandLimits limits, Entries entries) : limits_(limits), entries_(std::move(entries)) {}

  [[nodiscard]] const CommandLimits& limits() const { return limits_; }
  /** Null if the controller has no such namespace. */
  [[nodiscard]] const NamespaceEntry* find(uint32_t id) const {
    const auto found = entries_.find(id);
    return found == entries_.end() ? nullptr : &found->second;
  }

 private:
  const CommandLimits limits_;
  const Entries entries_;
};

/** The most blocks that the controller compares and writes as one; 0 where it does not. Thread: control. */
uint32_t compare_and_write_blocks(spdk_nvme_ctrlr* controller, spdk_nvme_ns* ns);

/** Makes the table from SPDK's present state. Thread: control. */
std::shared_ptr<const NamespaceTable> read_namespace_table(spdk_nvme_ctrlr* controller, NamespaceTags& tags,
                                                           const RangeLimits& ranges = {});

}  // namespace spdk_nvme
