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

/** Marks what is opened while it lives, where SPDK or DPDK is a shared library. Any thread. */
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

/** How many files this process has open. Any thread. */
size_t count_descriptors();

/** Marks the files that DPDK's memory is made of. Any thread. */
void mark_memory_files();

}  // namespace spdk_nvme::spdk
