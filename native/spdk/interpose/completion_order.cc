#include "native/spdk/interpose/completion_order.h"

#include <rdma/rdma_cma.h>

#include "native/spdk/interpose/nested_polls.h"
#include "native/spdk/interpose/stand_in.h"
#include "native/spdk/release.h"

// For the releases that need it, and where SPDK is linked into the addon.
#if SPDK_NVME_RELEASE < 2305

namespace spdk_nvme::spdk {

namespace {

/** Never destroyed: pollers that SPDK does not return to may still use it when the process ends. */
PolledDevices& polled_devices() {
  static auto& devices = *new PolledDevices;
  return devices;
}

/** Never destroyed, as polled_devices(). Empty before v22.05, which polls no disconnected one. */
DisconnectedQueuePairs& disconnected_queue_pairs() {
  static auto& queue_pairs = *new DisconnectedQueuePairs;
  return queue_pairs;
}

int poll_in_order(ibv_cq* queue, int most, ibv_wc* completions) {
  const int count = polled_devices().own(queue->context)(queue, most, completions);
  if (count <= 0) return count;
  const std::span<ibv_wc> polled(completions, static_cast<size_t>(count));
  fail_after_failure(polled);
  disconnected_queue_pairs().fail(queue, polled);
  note_polled(polled);
  return count;
}

}  // namespace

extern "C" ibv_cq* ibv_create_cq(ibv_context* context, int entries, void* own, ibv_comp_channel* channel,
                                 int vector) {
  static const auto function = real<decltype(ibv_create_cq)>("ibv_create_cq");
  polled_devices().add(context, poll_in_order);
  return function(context, entries, own, channel, vector);
}

#if SPDK_NVME_RELEASE >= 2205

extern "C" int rdma_disconnect(rdma_cm_id* id) {
  static const auto function = real<decltype(rdma_disconnect)>("rdma_disconnect");
  if (id->qp != nullptr) disconnected_queue_pairs().add(id->qp);
  return function(id);
}

void forget_disconnected(const ibv_qp* queue_pair) {
  disconnected_queue_pairs().remove(queue_pair);
}

#endif

}  // namespace spdk_nvme::spdk

#endif

#if SPDK_NVME_RELEASE < 2205 || SPDK_NVME_RELEASE >= 2305
void spdk_nvme::spdk::forget_disconnected(const ibv_qp* /*queue_pair*/) {}
#endif
