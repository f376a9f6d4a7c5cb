#include "native/core/connection/rdma_devices.h"

#include <infiniband/verbs.h>

namespace spdk_nvme {

bool rdma_device_present() {
  int count = 0;
  ibv_device** devices = ibv_get_device_list(&count);
  if (devices == nullptr) return false;
  ibv_free_device_list(devices);
  return count > 0;
}

}  // namespace spdk_nvme
