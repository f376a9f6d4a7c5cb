#pragma once

#include <dlfcn.h>

namespace spdk_nvme::spdk {

/**
 * The function that a stand-in of this name stands in for. SPDK's archives, linked into the addon, find the
 * addon's own function of a name before that of a shared library. The addon exports none of its own, so what
 * is found here is what SPDK would have called: a preloaded library's before that of the library itself.
 */
template <typename Function>
Function* real(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_DEFAULT, name));
}

}  // namespace spdk_nvme::spdk
