#pragma once

#include <spdk/nvme.h>

namespace spdk_nvme::spdk {

/**
 * A transport id that SPDK mistakes for none that is in use. SPDK keeps one list of its controllers in a
 * process, and who connects to an id that is in it gets the controller that is there, as if it were a new
 * one: before v24.09 whatever its host, later whatever its host identifier and source address. It compares
 * ports as text, so that zeroes before the port give the same place another name. Held from before the
 * connect until the controller is destroyed. Any thread.
 */
class DistinctId {
 public:
  explicit DistinctId(const spdk_nvme_transport_id& id);
  ~DistinctId();
  DistinctId(const DistinctId&) = delete;
  DistinctId& operator=(const DistinctId&) = delete;

  /** False when every name of the place is taken: there are 33 less the port's digits. */
  [[nodiscard]] bool granted() const { return granted_; }
  [[nodiscard]] const spdk_nvme_transport_id& get() const { return id_; }

 private:
  spdk_nvme_transport_id id_;
  bool granted_ = false;
};

}  // namespace spdk_nvme::spdk
