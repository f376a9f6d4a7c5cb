#pragma once

#include <cstddef>
#include <cstdint>

namespace spdk_nvme::spdk {

/** The checksum of protection information (CRC-16 T10-DIF, spdk_crc16_t10dif). Thread: any. */
uint16_t guard(const uint8_t* data, size_t bytes);

}  // namespace spdk_nvme::spdk
