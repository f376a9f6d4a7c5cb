#pragma once

#include <spdk/version.h>

// What set-up changed in the SPDK that it built: names of files in scripts/spdk-patches, with spaces in
// between.
#if __has_include(<spdk_nvme_patches.h>)
#include <spdk_nvme_patches.h>
#else
#define SPDK_NVME_PATCHES ""
#endif

namespace spdk_nvme::spdk {

/** The SPDK release these sources are compiled against, as year * 100 + month: 2007 is v20.07. */
#define SPDK_NVME_RELEASE (SPDK_VERSION_MAJOR * 100 + SPDK_VERSION_MINOR)

/**
 * From v22.05 an RDMA queue pair can connect and disconnect without blocking its caller, and a poll group may
 * outlive the queue pairs it polled. Before, connecting and disconnecting wait for CM events inside the call,
 * and poll groups keep pointers to destroyed queue pairs, so each queue pair is polled by itself.
 */
inline constexpr bool kAsyncQueuePairs = SPDK_NVME_RELEASE >= 2205;

/** Whether SPDK calls the addon's stand-ins (stand_in.h). Shared libraries of SPDK find the functions
 * themselves. */
#ifdef SPDK_NVME_SHARED_SPDK
inline constexpr bool kSpdkCallsStandIns = false;
#else
inline constexpr bool kSpdkCallsStandIns = true;
#endif

/** The same of DPDK, which may be shared where SPDK is not. */
#ifdef SPDK_NVME_SHARED_DPDK
inline constexpr bool kDpdkCallsStandIns = false;
#else
inline constexpr bool kDpdkCallsStandIns = true;
#endif

}  // namespace spdk_nvme::spdk
