#include "native/spdk/guard.h"

#include <spdk/crc16.h>

namespace spdk_nvme::spdk {

uint16_t guard(const uint8_t* data, size_t bytes) {
  return spdk_crc16_t10dif(0, data, bytes);
}

}  // namespace spdk_nvme::spdk
