#include "native/core/process/hugepages.h"

#include <fstream>
#include <string>

namespace spdk_nvme {

Hugepages read_hugepages() {
  std::ifstream meminfo("/proc/meminfo");
  size_t free_pages = 0;
  size_t total_pages = 0;
  size_t page_kib = 0;
  std::string key;
  size_t value = 0;
  std::string rest;
  while (meminfo >> key >> value && std::getline(meminfo, rest)) {
    if (key == "HugePages_Free:") free_pages = value;
    if (key == "HugePages_Total:") total_pages = value;
    if (key == "Hugepagesize:") page_kib = value;
  }
  const size_t page_bytes = page_kib << 10;
  return {.page_bytes = page_bytes,
          .free_bytes = free_pages * page_bytes,
          .total_bytes = total_pages * page_bytes};
}

}  // namespace spdk_nvme
