// Wraps (see wrapped.txt) the last step of a controller's end in SPDK. In v20.07 only its PCIe transport then frees what the controller
// keeps of each process that uses it: over fabrics each attach and each reconnect leaves 256 bytes of hugepages behind.

#include <spdk/nvme.h>

namespace spdk_nvme::spdk {

// NOLINTBEGIN(bugprone-reserved-identifier): the linker gives these names.

extern "C" {

// Of SPDK's lib/nvme/nvme_internal.h. Weak, because shared libraries do not show them.
[[gnu::weak]] void nvme_ctrlr_free_processes(spdk_nvme_ctrlr* controller);
[[gnu::weak]] void __real_nvme_ctrlr_destruct_finish(spdk_nvme_ctrlr* controller);

void __wrap_nvme_ctrlr_destruct_finish(spdk_nvme_ctrlr* controller) {
  __real_nvme_ctrlr_destruct_finish(controller);
  // Later releases have done it; then there is nothing left to free.
  if (nvme_ctrlr_free_processes != nullptr) nvme_ctrlr_free_processes(controller);
}

}  // extern "C"

// NOLINTEND(bugprone-reserved-identifier)

}  // namespace spdk_nvme::spdk
