#pragma once

namespace spdk_nvme {

/**
 * False when this machine has no RDMA device that verbs can open. True too when the process may open no more files:
 * then this cannot be found out. Any thread.
 */
bool rdma_device_present();

}  // namespace spdk_nvme
