#include "native/core/controller/description.h"

#include <algorithm>
#include <utility>

namespace spdk_nvme {

ControllerInfo Description::info() const {
  const std::lock_guard<std::mutex> guard(mutex_);
  return info_;
}

std::vector<NamespaceInfo> Description::namespaces() const {
  const std::lock_guard<std::mutex> guard(mutex_);
  return namespaces_;
}

std::vector<uint32_t> Description::hidden_namespaces() const {
  const std::lock_guard<std::mutex> guard(mutex_);
  return hidden_namespaces_;
}

void Description::read(const Connection& connection) {
  ControllerInfo info = read_controller_info(connection.controller());
  info.io_queues = connection.granted().io_queues;
  info.queue_depth = connection.granted().queue_depth;
  {
    const std::lock_guard<std::mutex> guard(mutex_);
    info_ = std::move(info);
  }
  read_namespaces(connection);
}

void Description::read_namespaces(const Connection& connection) {
  table_ = read_namespace_table(connection.controller(), tags_, range_limits_);
  std::vector<NamespaceInfo> namespaces = spdk_nvme::read_namespaces(connection.controller(), tags_);
  const std::lock_guard<std::mutex> guard(mutex_);
  namespaces_ = std::move(namespaces);
}

bool Description::has(uint32_t id, uint32_t tag) const {
  if (tag == 0) return true;
  // Tags only grow: the namespace with this tag was the newest that the caller knew.
  if (id == 0 || id == SPDK_NVME_GLOBAL_NS_TAG) {
    return std::ranges::none_of(namespaces_, [&](const auto& one) { return one.tag > tag; });
  }
  return std::ranges::any_of(namespaces_, [&](const auto& one) { return one.id == id && one.tag == tag; });
}

bool Description::set_range_limits(const RangeLimits& limits) {
  return std::exchange(range_limits_, limits) != limits;
}

bool Description::set_hidden_namespaces(std::vector<uint32_t> ids) {
  if (!differs(ids)) return false;
  const std::lock_guard<std::mutex> guard(mutex_);
  hidden_namespaces_ = std::move(ids);
  return true;
}

}  // namespace spdk_nvme
