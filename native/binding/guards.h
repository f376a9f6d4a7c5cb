#pragma once

#include <napi.h>

namespace spdk_nvme {

/**
 * guards(data, blockBytes, coveredBytes): the checksums (CRC-16 T10-DIF) of the first bytes of each block of a
 * Uint8Array, as a Uint16Array.
 */
Napi::Value guards(const Napi::CallbackInfo& info);

}  // namespace spdk_nvme
