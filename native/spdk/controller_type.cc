#include "native/spdk/controller_type.h"

#include "native/spdk/release.h"

namespace spdk_nvme::spdk {

ControllerType controller_type(spdk_nvme_ctrlr* controller) {
  // By the requested name: a target of NVMe 1.3 or before reports no type, and SPDK skips half of the
  // initialisation for that name.
  if (spdk_nvme_ctrlr_is_discovery(controller)) return ControllerType::discovery;
  constexpr size_t kControllerType = 111;
  constexpr uint8_t kDiscovery = 2;
  constexpr uint8_t kAdministrative = 3;
  const auto* identify = reinterpret_cast<const uint8_t*>(spdk_nvme_ctrlr_get_data(controller));
  switch (identify[kControllerType]) {
    case kDiscovery:
      return ControllerType::discovery;
    case kAdministrative:
      return ControllerType::administrative;
    default:  // 0: not reported
      return ControllerType::io;
  }
}

bool requests_events(spdk_nvme_ctrlr* controller) {
  return SPDK_NVME_RELEASE >= 2201 || !spdk_nvme_ctrlr_is_discovery(controller);
}

}  // namespace spdk_nvme::spdk
