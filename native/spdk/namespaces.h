#pragma once

#include <spdk/nvme.h>

#include <cstdint>
#include <optional>

#include "native/spdk/release.h"

namespace spdk_nvme::spdk {

/** A log page of a controller, as Get Log Page asks for it. */
struct LogPage {
  uint8_t id;
  uint32_t bytes;
};

/**
 * The list of changed namespaces, if SPDK leaves it unread when the controller reports a change. From v21.07 on SPDK reads it, which
 * is what makes the controller report the next change, and identifies its namespaces afterwards. Before, it only identifies them:
 * code that reads the list for it must have them identified again, since what changed in between is reported by that list only.
 */
std::optional<LogPage> unread_log_of_namespaces();

/**
 * Has SPDK identify the controller's namespaces as it does when the controller reports a change. Waits for the controller. Nothing
 * where there is no unread_log_of_namespaces(), or where SPDK is linked as shared libraries that hide how. The thread that polls the
 * admin queue.
 */
void identify_namespaces_again(spdk_nvme_ctrlr* controller);

/** Whether SPDK can send the Verify command. */
constexpr bool can_verify() {
  return SPDK_NVME_RELEASE >= 2209;
}
inline constexpr const char* kFirstWithVerify = "v22.09";

/** Bits of the checksum of a namespace's protection information. Before v24.09 SPDK knows no other than 16. */
inline uint32_t guard_bits([[maybe_unused]] spdk_nvme_ns* ns) {
#if SPDK_NVME_RELEASE >= 2409
  switch (spdk_nvme_ns_get_pi_format(ns)) {
    case SPDK_NVME_32B_GUARD_PI:
      return 32;
    case SPDK_NVME_64B_GUARD_PI:
      return 64;
    default:
      return 16;
  }
#else
  return 16;
#endif
}

}  // namespace spdk_nvme::spdk
