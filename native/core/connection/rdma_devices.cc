#include "native/core/connection/rdma_devices.h"

#include <infiniband/verbs.h>

#include "native/spdk/interpose/close_on_exec.h"

namespace spdk_nvme {

bool rdma_device_present() {
  int count = 0;
  ibv_device** const devices = ibv_get_device_list(&count);
  if (devices != nullptr) ibv_free_device_list(devices);
  return count > 0 || spdk::count_descriptors() == 0;
}

}  // namespace spdk_nvme
