#pragma once

#include <spdk/nvme.h>

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <utility>

#include "native/core/io/namespace_tags.h"

namespace spdk_nvme {

/** A namespace as those who send commands to it need to know it. */
struct NamespaceEntry {
  spdk_nvme_ns* space = nullptr;
  uint32_t block_size = 0;
  uint64_t blocks = 0;
  uint32_t metadata_size = 0;
  /** A transfer should not cross a multiple of so many blocks; 0 for none. */
  uint32_t boundary = 0;
  /** See NamespaceTags. */
  uint32_t tag = 0;
};

/** What one command may be at most. */
struct CommandLimits {
  uint32_t bytes = 0;
  uint32_t segments = 1;
};

/**
 * The namespaces of one controller at one moment, and the limits of its commands. The control thread makes
 * one whenever they change, and gives it to the rings: from v22.05 on finding a namespace takes SPDK's
 * controller lock, which an Identify command can hold for long. Immutable; any thread.
 */
class NamespaceTable {
 public:
  using Entries = std::unordered_map<uint32_t, NamespaceEntry>;

  NamespaceTable(CommandLimits limits, Entries entries) : limits_(limits), entries_(std::move(entries)) {}

  [[nodiscard]] const CommandLimits& limits() const { return limits_; }
  /** Null when the controller has no such namespace. */
  [[nodiscard]] const NamespaceEntry* find(uint32_t id) const {
    const auto found = entries_.find(id);
    return found == entries_.end() ? nullptr : &found->second;
  }

 private:
  const CommandLimits limits_;
  const Entries entries_;
};

/** As SPDK describes the controller now. Control thread. */
std::shared_ptr<const NamespaceTable> read_namespace_table(spdk_nvme_ctrlr* controller, NamespaceTags& tags);

}  // namespace spdk_nvme
