#include "native/spdk/namespaces.h"

#if SPDK_NVME_RELEASE < 2107

// Of lib/nvme/nvme_internal.h, the same from v20.07 to v21.04. Weak, since shared libraries hide them.
extern "C" {
[[gnu::weak]] int nvme_ctrlr_identify_active_ns(spdk_nvme_ctrlr* controller);
[[gnu::weak]] int nvme_ns_construct(spdk_nvme_ns* ns, uint32_t id, spdk_nvme_ctrlr* controller);
[[gnu::weak]] void nvme_ns_destruct(spdk_nvme_ns* ns);
}

namespace spdk_nvme::spdk {

std::optional<LogPage> unread_log_of_namespaces() {
  // NVMe base specification, "Changed Namespace List": up to 1024 namespace ids.
  return LogPage{.id = SPDK_NVME_LOG_CHANGED_NS_LIST, .bytes = 4096};
}

void identify_namespaces_again(spdk_nvme_ctrlr* controller) {
  if (nvme_ctrlr_identify_active_ns == nullptr || nvme_ns_construct == nullptr || nvme_ns_destruct == nullptr)
    return;
  if (nvme_ctrlr_identify_active_ns(controller) != 0) return;
  const uint32_t count = spdk_nvme_ctrlr_get_num_ns(controller);
  for (uint32_t id = 1; id <= count; id++) {
    spdk_nvme_ns* ns = spdk_nvme_ctrlr_get_ns(controller, id);
    if (ns == nullptr) continue;
    if (spdk_nvme_ctrlr_is_active_ns(controller, id)) {
      nvme_ns_construct(ns, id, controller);
    } else if (spdk_nvme_ns_is_active(ns)) {
      nvme_ns_destruct(ns);
    }
  }
}

}  // namespace spdk_nvme::spdk

#else

namespace spdk_nvme::spdk {

std::optional<LogPage> unread_log_of_namespaces() {
  return std::nullopt;
}

void identify_namespaces_again(spdk_nvme_ctrlr* /*controller*/) {}

}  // namespace spdk_nvme::spdk

#endif
