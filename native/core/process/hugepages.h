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

/** For how many pairs of a NUMA node and a size of hugepages the kernel counts hugepages. */
size_t count_hugepage_types();

/**
 * How many of these bytes this process can reserve in hugepages, found by reserving and releasing them: a limit of its
 * cgroup (hugetlb) may be lower than what is free.
 */
size_t obtainable_hugepage_bytes(size_t bytes, size_t page_bytes);

}  // namespace spdk_nvme
