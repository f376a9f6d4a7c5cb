#include "native/spdk/queue_pair_list.h"

#include <algorithm>

#include "native/spdk/release.h"

namespace spdk_nvme::spdk {

namespace {

constexpr uint32_t kSpareRequests = 16;

}  // namespace

spdk_nvme_io_qpair_opts QueuePairList::options(uint32_t queue_depth) const {
  spdk_nvme_io_qpair_opts settings{};
  spdk_nvme_ctrlr_get_default_io_qpair_opts(controller_, &settings, sizeof(settings));
#if SPDK_NVME_RELEASE >= 2505
  settings.opts_size = sizeof(settings);
#endif
  settings.io_queue_size = queue_depth;
  // More than the rings use: SPDK may split a vectored command into several requests, see command_limits.h.
  settings.io_queue_requests = queue_depth * 2 + kSpareRequests;
  // A poll first submits and then polls: commands are sent together, with one system call on soft-RoCE.
  settings.delay_cmd_submit = true;
  settings.create_only = true;
  return settings;
}

bool QueuePairList::any_failed() const {
  return std::ranges::any_of(queue_pairs_, [](spdk_nvme_qpair* queue_pair) {
    return spdk_nvme_qpair_get_failure_reason(queue_pair) != SPDK_NVME_QPAIR_FAILURE_NONE;
  });
}

void QueuePairList::disconnect_all() {
  for (spdk_nvme_qpair* queue_pair : queue_pairs_) spdk_nvme_ctrlr_disconnect_io_qpair(queue_pair);
}

void QueuePairList::free_all() {
  for (spdk_nvme_qpair* queue_pair : queue_pairs_) spdk_nvme_ctrlr_free_io_qpair(queue_pair);
  queue_pairs_.clear();
}

}  // namespace spdk_nvme::spdk
