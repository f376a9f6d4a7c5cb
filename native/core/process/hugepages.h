#pragma once

#include <cstddef>

namespace spdk_nvme {

/** Hugepages of the kernel's default size, as /proc/meminfo counts them. */
struct Hugepages {
  size_t page_bytes = 0;
  size_t free_bytes = 0;
  size_t total_bytes = 0;
};

Hugepages read_hugepages();

}  // namespace spdk_nvme
