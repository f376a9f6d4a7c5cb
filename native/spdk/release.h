#pragma once

#include <spdk/version.h>

// The patches that set-up applied to the SPDK that it built: names of files in scripts/spdk-patches,
// separated by spaces.
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
#define SPDK_NVME_ASYNC_QUEUE_PAIRS (SPDK_NVME_RELEASE >= 2205)
inline constexpr bool kAsyncQueuePairs = SPDK_NVME_ASYNC_QUEUE_PAIRS;

/**
 * Whether SPDK and DPDK are archives, linked into the addon. Only calls from inside the addon reach the
 * functions that it wraps (interpose/wrapped.txt).
 */
#ifdef SPDK_NVME_SHARED_SPDK
inline constexpr bool kStaticSpdk = false;
#else
inline constexpr bool kStaticSpdk = true;
#endif
#ifdef SPDK_NVME_SHARED_DPDK
inline constexpr bool kStaticDpdk = false;
#else
inline constexpr bool kStaticDpdk = true;
#endif

}  // namespace spdk_nvme::spdk
