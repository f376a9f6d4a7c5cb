#pragma once

#include <spdk/nvme_spec.h>

#include <cstdint>
#include <cstring>

namespace spdk_nvme::spdk {

/** Returns dword 1 of a completion. SPDK's name for it differs between releases. */
inline uint32_t second_dword(const spdk_nvme_cpl& completion) {
  uint32_t dwords[2];
  memcpy(dwords, &completion, sizeof(dwords));
  return dwords[1];
}

}  // namespace spdk_nvme::spdk
