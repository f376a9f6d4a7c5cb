#pragma once

#include <dlfcn.h>

namespace spdk_nvme::spdk {

/**
 * The function that a stand-in of this name stands in for. SPDK's archives, linked into the addon, find the
 * addon's own function of a name before that of a shared library.
 */
template <typename Function>
Function* real(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

}  // namespace spdk_nvme::spdk
