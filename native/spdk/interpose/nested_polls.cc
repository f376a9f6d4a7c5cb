#include "native/spdk/interpose/nested_polls.h"

#include <spdk/nvme.h>

#include <cerrno>
#include <cstring>

#include "native/spdk/release.h"

#if SPDK_NVME_RELEASE < 2104

// Of lib/nvme, the same from v20.07 to v21.01: its result begins with the functions of the transport.
extern "C" [[gnu::weak]] spdk_nvme_transport_ops* nvme_get_transport(const char* name);

namespace spdk_nvme::spdk {

namespace {

/** SPDK's own functions. Written before the first controller, constant afterwards. */
spdk_nvme_transport_ops g_rdma{};

/** A poll of a queue pair, on its thread's stack. */
struct Poll {
  spdk_nvme_qpair* const queue_pair;
  Poll* const outer;
  std::span<ibv_wc> completions{};
  /** The controller whose queue pair is disconnected when the poll has ended. */
  spdk_nvme_ctrlr* disconnect = nullptr;
};

/** The innermost poll of this thread. */
thread_local Poll* t_poll = nullptr;

int32_t process_completions(spdk_nvme_qpair* queue_pair, uint32_t most) {
  Poll poll{queue_pair, t_poll};
  t_poll = &poll;
  const int32_t result = g_rdma.qpair_process_completions(queue_pair, most);
  t_poll = poll.outer;
  if (poll.disconnect == nullptr) return result;
  g_rdma.ctrlr_disconnect_qpair(poll.disconnect, queue_pair);
  return -ENXIO;
}

/** The first poll of a queue pair, from this one outwards. */
Poll* poll_of(const spdk_nvme_qpair* queue_pair, Poll* poll) {
  while (poll != nullptr && poll->queue_pair != queue_pair) poll = poll->outer;
  return poll;
}

/** Changes them into failures: their requests no longer exist. */
void fail_all(std::span<ibv_wc> completions) {
  for (ibv_wc& one : completions) {
    if (one.status == IBV_WC_SUCCESS) one.status = IBV_WC_WR_FLUSH_ERR;
  }
}

/** SPDK aborts the requests of the queue pair after this call, whether the disconnect is done or deferred. */
void disconnect_queue_pair(spdk_nvme_ctrlr* controller, spdk_nvme_qpair* queue_pair) {
  Poll* outermost = poll_of(queue_pair, t_poll);
  if (outermost == nullptr || poll_of(queue_pair, outermost->outer) == nullptr) {
    return g_rdma.ctrlr_disconnect_qpair(controller, queue_pair);
  }
  while (Poll* const poll = poll_of(queue_pair, outermost->outer)) {
    // The poll is handling these completions.
    fail_all(poll->completions);
    outermost = poll;
  }
  outermost->disconnect = controller;
}

}  // namespace

void defer_nested_disconnects() {
  if (nvme_get_transport == nullptr || g_rdma.qpair_process_completions != nullptr) return;
  spdk_nvme_transport_ops* const rdma = nvme_get_transport("RDMA");
  if (rdma == nullptr || strcmp(rdma->name, "RDMA") != 0) return;
  g_rdma = *rdma;
  rdma->qpair_process_completions = process_completions;
  rdma->ctrlr_disconnect_qpair = disconnect_queue_pair;
}

void note_polled(std::span<ibv_wc> completions) {
  if (t_poll == nullptr) return;
  t_poll->completions = completions;
  if (t_poll->disconnect != nullptr) fail_all(completions);
}

}  // namespace spdk_nvme::spdk

#else

namespace spdk_nvme::spdk {

void defer_nested_disconnects() {}

void note_polled(std::span<ibv_wc> /*completions*/) {}

}  // namespace spdk_nvme::spdk

#endif
