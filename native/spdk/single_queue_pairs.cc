#include "native/spdk/release.h"

#if !SPDK_NVME_ASYNC_QUEUE_PAIRS

#include "native/spdk/interpose/connection_watch.h"
#include "native/spdk/interpose/last_answer.h"
#include "native/spdk/single_queue_pairs.h"

namespace spdk_nvme::spdk {

bool SingleQueuePairs::connect(uint32_t queue_depth) {
  const spdk_nvme_io_qpair_opts settings = options(queue_depth);
  spdk_nvme_qpair* queue_pair = spdk_nvme_ctrlr_alloc_io_qpair(controller_, &settings, sizeof(settings));
  if (queue_pair == nullptr) return false;
  if (spdk_nvme_ctrlr_connect_io_qpair(controller_, queue_pair) != 0) {
    spdk_nvme_ctrlr_free_io_qpair(queue_pair);
    return false;
  }
  queue_pairs_.push_back(queue_pair);
  return true;
}

int64_t SingleQueuePairs::poll() {
  // A failed queue pair is disconnected inside, while other queue pairs wait for this thread.
  const CmWaitLimit no_wait(std::chrono::milliseconds(0));
  int64_t completions = 0;
  int64_t failure = 0;
  for (spdk_nvme_qpair* queue_pair : queue_pairs_) {
    const LastAnswer last_answer;
    const int32_t result = spdk_nvme_qpair_process_completions(queue_pair, 0);
    if (result < 0) {
      failure = result;
    } else {
      completions += result;
    }
  }
  return failure != 0 ? failure : completions;
}

void SingleQueuePairs::disconnect() {
  disconnect_all();
  disconnected_ = true;
}

void SingleQueuePairs::free() {
  // SPDK completes the commands of a queue pair that it frees before it disconnects it: their memory would be given back while the
  // target can still read and write it.
  if (!disconnected_) disconnect();
  free_all();
}

}  // namespace spdk_nvme::spdk

#endif
