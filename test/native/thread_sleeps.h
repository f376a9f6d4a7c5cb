#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

namespace spdk_nvme {

/** How often this process's threads of a name have begun to sleep, as the kernel counts. */
inline int64_t thread_sleeps(const std::string& name) {
  int64_t sum = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream status(task.path() / "status");
    bool counts = false;
    for (std::string key, value; status >> key && std::getline(status >> std::ws, value);) {
      if (key == "Name:") counts = value == name;
      if (counts && key == "voluntary_ctxt_switches:") sum += std::stoll(value);
    }
  }
  return sum;
}

}  // namespace spdk_nvme
