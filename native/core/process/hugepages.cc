#include "native/core/process/hugepages.h"

#include <fcntl.h>
#include <glob.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <string>

namespace spdk_nvme {

Hugepages read_hugepages() {
  std::ifstream meminfo("/proc/meminfo");
  std::ifstream overcommit("/proc/sys/vm/nr_overcommit_hugepages");
  size_t overcommit_pages = 0;
  overcommit >> overcommit_pages;
  return hugepages_in(meminfo, overcommit_pages);
}

Hugepages hugepages_in(std::istream& meminfo, size_t overcommit_pages) {
  size_t free_pages = 0;
  size_t reserved_pages = 0;
  size_t total_pages = 0;
  size_t surplus_pages = 0;
  size_t page_kib = 0;
  std::string key;
  size_t value = 0;
  std::string rest;
  while (meminfo >> key >> value && std::getline(meminfo, rest)) {
    if (key == "HugePages_Free:") free_pages = value;
    if (key == "HugePages_Rsvd:") reserved_pages = value;
    if (key == "HugePages_Total:") total_pages = value;
    if (key == "HugePages_Surp:") surplus_pages = value;
    if (key == "Hugepagesize:") page_kib = value;
  }
  const size_t page_bytes = page_kib << 10;
  return {.page_bytes = page_bytes,
          .free_bytes = (free_pages - std::min(free_pages, reserved_pages)) * page_bytes,
          .total_bytes = total_pages * page_bytes,
          .addable_bytes = free_pages > 0
                               ? 0
                               : (overcommit_pages - std::min(overcommit_pages, surplus_pages)) * page_bytes};
}

size_t count_hugepage_types() {
  // Kernels without NUMA have only the second folder.
  for (const char* pattern :
       {"/sys/devices/system/node/node*/hugepages/hugepages-*", "/sys/kernel/mm/hugepages/hugepages-*"}) {
    glob_t found{};
    const int result = glob(pattern, 0, nullptr, &found);
    const size_t count = result == 0 ? found.gl_pathc : 0;
    globfree(&found);
    if (count > 0) return count;
  }
  return 0;
}

size_t obtainable_hugepage_bytes(size_t bytes, size_t page_bytes) {
  const int file = memfd_create("spdk-nvme-check", MFD_CLOEXEC | MFD_HUGETLB);
  if (file < 0) return bytes;
  size_t taken = 0;
  while (taken < bytes) {
    const int result = fallocate(file, 0, static_cast<off_t>(taken), static_cast<off_t>(page_bytes));
    if (result == 0) {
      taken += page_bytes;
    } else if (errno == EPERM || errno == ENOSYS) {
      // A seccomp filter forbids the call; DPDK may do without it.
      taken = bytes;
    } else if (errno != EINTR) {
      break;
    }
  }
  close(file);
  return taken;
}

}  // namespace spdk_nvme
