#pragma once

#include <spdk/nvme.h>

#include <cstdint>

namespace spdk_nvme::spdk {

/** Of a controller that names no limit (MDTS 0). Linux's target over TCP is one; it rejects 16 MiB. */
inline constexpr uint32_t kUnlimitedCommandBytes = 1U << 20;
/**
 * Of any controller: a keyed SGL descriptor, which RDMA uses, has 24 bits for the length. This is the largest
 * power of two in them, so that a piece ends at a block boundary.
 */
inline constexpr uint32_t kMaxCommandBytes = 1U << 23;

/** The most data that one I/O command to this controller is to have, in bytes. */
uint32_t max_command_bytes(spdk_nvme_ctrlr* controller);

/**
 * From how many pieces of memory that data may come without SPDK making several commands of it. SPDK does not
 * tell its own limit; this is never more, but for an RDMA device that takes fewer than 16, where SPDK splits.
 */
uint32_t max_command_segments(spdk_nvme_ctrlr* controller);

}  // namespace spdk_nvme::spdk
