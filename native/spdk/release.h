#pragma once

#include <spdk/version.h>

namespace spdk_nvme::spdk {

/** The SPDK release these sources are compiled against, as year * 100 + month: 2007 is v20.07. */
#define SPDK_NVME_RELEASE (SPDK_VERSION_MAJOR * 100 + SPDK_VERSION_MINOR)

/**
 * From v22.05 an RDMA queue pair can connect and disconnect without blocking its caller, and a poll group may
 * outlive the queue pairs it polled. Before, connecting and disconnecting wait for CM events inside the call,
 * and poll groups keep pointers to destroyed queue pairs, so each queue pair is polled by itself.
 */
inline constexpr bool kAsyncQueuePairs = SPDK_NVME_RELEASE >= 2205;

}  // namespace spdk_nvme::spdk
