#pragma once

#include <infiniband/verbs.h>

#include <algorithm>
#include <span>

namespace spdk_nvme::spdk {

/**
 * Makes every completion that follows a failed one of the same queue pair a failed one too. Soft-RoCE may
 * report that a send ended well after it has reported that the queue pair's receives were flushed. With the
 * first failure SPDK aborts all requests of the queue pair, and SPDK before v23.05 uses the request of such
 * a send nevertheless (nvme_rdma_cq_process_completions): it is gone, and the process crashes.
 */
inline void fail_after_failure(std::span<ibv_wc> completions) {
  for (auto failed = completions.begin(); failed != completions.end(); ++failed) {
    if (failed->status == IBV_WC_SUCCESS) continue;
    std::for_each(failed + 1, completions.end(), [number = failed->qp_num](ibv_wc& later) {
      if (later.qp_num == number && later.status == IBV_WC_SUCCESS) later.status = IBV_WC_WR_FLUSH_ERR;
    });
  }
}

}  // namespace spdk_nvme::spdk
