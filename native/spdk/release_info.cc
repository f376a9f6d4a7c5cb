#include "native/spdk/release_info.h"

#include "native/spdk/namespaces.h"
#include "native/spdk/release.h"

namespace spdk_nvme::spdk {

ReleaseInfo release_info() {
  return {.major = SPDK_VERSION_MAJOR,
          .minor = SPDK_VERSION_MINOR,
          .patch = SPDK_VERSION_PATCH,
          .text = SPDK_VERSION_STRING,
          .patches = SPDK_NVME_PATCHES,
          .static_spdk = kStaticSpdk,
          .static_dpdk = kStaticDpdk,
          .first_with_verify = can_verify() ? "" : kFirstWithVerify};
}

std::string lacks(const std::string& what, const std::string& first_release) {
  return SPDK_VERSION_STRING " " + what + "; use " + first_release + " or later";
}

}  // namespace spdk_nvme::spdk
