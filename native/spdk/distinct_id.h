#pragma once

#include <spdk/nvme.h>

namespace spdk_nvme::spdk {

/**
 * A transport id that SPDK considers different from every one in use. SPDK keeps one list of controllers in a
 * process, and a connect to an id in the list returns the existing controller as if it were new: before
 * v24.09 for every host, later for every host identifier and source address. It compares ports as text, so
 * zeroes before the port give the same address another name. Held from before the connect until the
 * controller is destroyed. Thread: any.
 */
class DistinctId {
 public:
  explicit DistinctId(const spdk_nvme_transport_id& id);
  ~DistinctId();
  DistinctId(const DistinctId&) = delete;
  DistinctId& operator=(const DistinctId&) = delete;

  /** False if all names of the address are in use: there are 33 minus the digits of the port. */
  [[nodiscard]] bool granted() const { return granted_; }
  [[nodiscard]] const spdk_nvme_transport_id& get() const { return id_; }

 private:
  spdk_nvme_transport_id id_;
  bool granted_ = false;
};

}  // namespace spdk_nvme::spdk
