#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "native/core/connection/connection.h"
#include "native/core/connection/controller_info.h"
#include "native/core/io/namespace_table.h"
#include "native/core/io/namespace_tags.h"

namespace spdk_nvme {

/**
 * What a controller said of itself and of its namespaces last. Outlives connections: while there is none, the latest one's is
 * kept. Written by the control thread; that thread reads it without the lock, others get copies.
 */
class Description {
 public:
  // Any thread.

  /** The description as of the latest attach or reset. */
  [[nodiscard]] ControllerInfo info() const;
  [[nodiscard]] std::vector<NamespaceInfo> namespaces() const;
  /** Ids of namespaces that the controller has and SPDK does not use, see hidden_namespaces.h. */
  [[nodiscard]] std::vector<uint32_t> hidden_namespaces() const;

  // Control thread.

  /** Reads everything over a new connection. */
  void read(const Connection& connection);
  void read_namespaces(const Connection& connection);
  /** Returns false if they are the same as before. The rings get them with the next read_namespaces(). */
  bool set_range_limits(const RangeLimits& limits);
  /** Returns false if the list is the same as before. */
  bool set_hidden_namespaces(std::vector<uint32_t> ids);

  [[nodiscard]] const ControllerInfo& latest_info() const { return info_; }
  /**
   * Whether the namespace with this id has this tag; 0: in any case. Of the subsystem (id 0) or all namespaces (FFFFFFFFh):
   * whether none has been added since the newest one had this tag.
   */
  [[nodiscard]] bool has(uint32_t id, uint32_t tag) const;
  [[nodiscard]] size_t namespace_count() const { return namespaces_.size(); }
  [[nodiscard]] bool differs(const std::vector<uint32_t>& hidden) const {
    return hidden != hidden_namespaces_;
  }
  /** The same namespaces as the rings need to know them, for as long as the connection is there. */
  [[nodiscard]] const std::shared_ptr<const NamespaceTable>& namespace_table() const { return table_; }

 private:
  /** Guards info_, namespaces_ and hidden_namespaces_, where another thread reads or the control thread writes. */
  mutable std::mutex mutex_;
  ControllerInfo info_;
  std::vector<NamespaceInfo> namespaces_;
  std::vector<uint32_t> hidden_namespaces_;
  // Control thread only.
  /** Kept over resets. */
  NamespaceTags tags_;
  std::shared_ptr<const NamespaceTable> table_;
  /** Kept until the next connection says what they are. */
  RangeLimits range_limits_;
};

}  // namespace spdk_nvme
