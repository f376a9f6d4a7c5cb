#pragma once

#include <cstddef>
#include <vector>

#include "native/spdk/release.h"

namespace spdk_nvme::spdk {

/**
 * Child processes inherit nothing of SPDK's: a child that outlives a detach would otherwise keep the
 * controller's connections, and one that outlives this process its hugepages. SPDK and DPDK do not set
 * close-on-exec. Where they are archives, linked into the addon, wrapped functions set it for them (see the
 * .cc); librdmacm and libibverbs set it themselves.
 *
 * Shared libraries of SPDK or DPDK call the C library's own functions. What they open is marked afterwards; a
 * child that is started in between still inherits it.
 */

/** Marks the descriptors that are opened while it lives, if SPDK or DPDK is a shared library. Thread: any. */
class NewDescriptors {
 public:
  explicit NewDescriptors(bool needed = !kStaticSpdk || !kStaticDpdk);
  ~NewDescriptors();
  NewDescriptors(const NewDescriptors&) = delete;
  NewDescriptors& operator=(const NewDescriptors&) = delete;

 private:
  const bool needed_;
  std::vector<int> before_;
};

/** Counts the files that this process has open. Thread: any. */
size_t count_descriptors();

/** Marks the files of DPDK's memory. Thread: any. */
void mark_memory_files();

}  // namespace spdk_nvme::spdk
