#pragma once

#include <spdk/nvme.h>

#include <cstdint>

namespace spdk_nvme::spdk {

/** The limit for a controller without one of its own (MDTS 0), such as Linux's target over TCP, which rejects 16 MiB. */
inline constexpr uint32_t kUnlimitedCommandBytes = 1U << 20;
/**
 * The limit for any controller: a keyed SGL descriptor, which RDMA uses, has 24 bits for the length. This is the
 * largest power of two within them, so that a piece ends at a block boundary.
 */
inline constexpr uint32_t kMaxCommandBytes = 1U << 23;

/** The maximum of data of one I/O command to this controller in bytes. */
uint32_t max_command_bytes(spdk_nvme_ctrlr* controller);

/**
 * The maximum of memory segments of that data without SPDK splitting the command. SPDK does not report its
 * own limit; this is never more, except for an RDMA device that supports fewer than 16, where SPDK splits.
 */
uint32_t max_command_segments(spdk_nvme_ctrlr* controller);

}  // namespace spdk_nvme::spdk
