#pragma once

#include <cstddef>
#include <istream>

namespace spdk_nvme {

/** Hugepages of the kernel's default size, as /proc/meminfo counts them. */
struct Hugepages {
  size_t page_bytes = 0;
  /**
   * Without those that another process has reserved and not touched yet: the kernel counts them as free, but
   * only that process gets them.
   */
  size_t free_bytes = 0;
  size_t total_bytes = 0;
  /** That the kernel adds when they are asked for (nr_overcommit_hugepages). DPDK looks at these only where none is free. */
  size_t addable_bytes = 0;
};

Hugepages read_hugepages();
/** @param meminfo the text of /proc/meminfo; @param overcommit_pages how many the kernel may add in all */
Hugepages hugepages_in(std::istream& meminfo, size_t overcommit_pages);

/** For how many pairs of a NUMA node and a size of hugepages the kernel counts hugepages. */
size_t count_hugepage_types();

/**
 * How many of these bytes this process can reserve in hugepages, found by reserving and releasing them: a limit of its
 * cgroup (hugetlb) may be lower than what is free. All of them if it may not try.
 */
size_t obtainable_hugepage_bytes(size_t bytes, size_t page_bytes);

}  // namespace spdk_nvme
