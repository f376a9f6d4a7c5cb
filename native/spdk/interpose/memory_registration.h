#pragma once

#include <cstdint>

namespace spdk_nvme::spdk {

/**
 * How often an RDMA device has rejected memory on this thread (RLIMIT_MEMLOCK). SPDK registers memory while it is
 * allocated, and only logs that it failed: the allocation succeeds, and I/O with the memory never does. Stays at
 * zero where SPDK is a shared library.
 */
inline thread_local uint64_t failed_registrations = 0;

}  // namespace spdk_nvme::spdk
