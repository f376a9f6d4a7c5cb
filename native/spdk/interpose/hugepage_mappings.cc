// Wraps (see wrapped.txt) the function with which DPDK maps hugepages.
//
// A cgroup's limit (hugetlb) is met when a page is first touched. So mmap() succeeds, and a SIGBUS follows, which ends
// the process: DPDK handles that signal from v21.11 on.

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace spdk_nvme::spdk {

namespace {

/** Whether the first page of a mapping is there. DPDK maps hugepages one by one. */
bool is_populated(void* address, size_t length) {
  unsigned char present = 0;
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return mincore(address, std::min(length, page), &present) != 0 || (present & 1) != 0;
}

}  // namespace

// NOLINTBEGIN(bugprone-reserved-identifier): the linker gives these names.

extern "C" {

decltype(mmap64) __real_mmap64;

void* __wrap_mmap64(void* address, size_t length, int protection, int flags, int file, off64_t offset) {
  if ((flags & MAP_HUGETLB) != 0) flags |= MAP_POPULATE;
  const bool touched = (flags & MAP_POPULATE) != 0 && (protection & PROT_WRITE) != 0;
  void* const memory = __real_mmap64(address, length, protection, flags, file, offset);
  if (memory == MAP_FAILED || !touched || is_populated(memory, length)) return memory;
  if ((flags & MAP_FIXED) == 0) {
    munmap(memory, length);
  } else {
    // A place that the caller has reserved stays reserved.
    constexpr int kReserved = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED;
    __real_mmap64(memory, length, PROT_NONE, kReserved, -1, 0);
  }
  errno = ENOMEM;
  return MAP_FAILED;
}

void* __wrap_mmap(void* address, size_t length, int protection, int flags, int file, off_t offset) {
  return __wrap_mmap64(address, length, protection, flags, file, offset);
}

}  // extern "C"

// NOLINTEND(bugprone-reserved-identifier)

}  // namespace spdk_nvme::spdk
