// Wraps (see wrapped.txt) the function in which SPDK before v22.05 waits for the response to a Connect. Those releases log that a
// Connect failed, and not with which status: the target's reason would be lost.

#include <spdk/log.h>
#include <spdk/nvme.h>

namespace spdk_nvme::spdk {

// NOLINTBEGIN(bugprone-reserved-identifier): the linker gives these names.

extern "C" {

/** Of SPDK's lib/nvme/nvme_internal.h. Weak, because later releases do without it; the status begins with the completion. */
[[gnu::weak]] int __real_nvme_wait_for_completion(spdk_nvme_qpair* queue_pair, spdk_nvme_cpl* status);

int __wrap_nvme_wait_for_completion(spdk_nvme_qpair* queue_pair, spdk_nvme_cpl* status) {
  const int result = __real_nvme_wait_for_completion(queue_pair, status);
  if (result != 0 && status->status.sct == SPDK_NVME_SCT_COMMAND_SPECIFIC) {
    // In the words of later releases, see connect_failure.cc.
    spdk_log(SPDK_LOG_ERROR, "connect_responses.cc", __LINE__, "nvme_wait_for_completion",
             "The command completed with error: sct %d, sc %d\n", status->status.sct, status->status.sc);
  }
  return result;
}

}  // extern "C"

// NOLINTEND(bugprone-reserved-identifier)

}  // namespace spdk_nvme::spdk
