#pragma once

namespace spdk_nvme {

/** Whether this machine has an RDMA device that verbs can open. Any thread. */
bool rdma_device_present();

}  // namespace spdk_nvme
