#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace spdk_nvme::spdk {

/** SPDK's own counters for one RDMA device, or for TCP, by SPDK's names. */
struct TransportStats {
  std::string name;
  std::vector<std::pair<const char*, uint64_t>> values;
};

}  // namespace spdk_nvme::spdk
