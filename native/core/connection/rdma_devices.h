#pragma once

namespace spdk_nvme {

/**
 * Whether this machine has an RDMA device that verbs can open. Also true when the process has reached its limit of
 * files: then this cannot be found out. Any thread.
 */
bool rdma_device_present();

}  // namespace spdk_nvme
