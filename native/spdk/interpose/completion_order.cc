#include "native/spdk/interpose/completion_order.h"

#include "native/spdk/interpose/nested_polls.h"
#include "native/spdk/release.h"

namespace spdk_nvme::spdk {

namespace {

/** Whether SPDK uses the request of a send that succeeds after a failure. */
constexpr bool kUsesLateSends = SPDK_NVME_RELEASE < 2305;
/** Whether it also polls queue pairs that it has disconnected. */
constexpr bool kPollsDisconnected = kUsesLateSends && SPDK_NVME_RELEASE >= 2205;

/** Never destroyed: pollers that SPDK does not return to may still use it when the process ends. */
PolledDevices& polled_devices() {
  static auto& devices = *new PolledDevices;
  return devices;
}

/** Never destroyed, as polled_devices(). Empty unless kPollsDisconnected. */
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

void note_disconnected(const ibv_qp* queue_pair) {
  if (kPollsDisconnected) disconnected_queue_pairs().add(queue_pair);
}

void forget_disconnected(const ibv_qp* queue_pair) {
  if (kPollsDisconnected) disconnected_queue_pairs().remove(queue_pair);
}

// The wrap (see wrapped.txt). NOLINTBEGIN(bugprone-reserved-identifier): the linker gives these names.

extern "C" {

decltype(ibv_create_cq) __real_ibv_create_cq;

ibv_cq* __wrap_ibv_create_cq(ibv_context* context, int entries, void* own, ibv_comp_channel* channel,
                             int vector) {
  if (kUsesLateSends) polled_devices().add(context, poll_in_order);
  return __real_ibv_create_cq(context, entries, own, channel, vector);
}

}  // extern "C"

// NOLINTEND(bugprone-reserved-identifier)

}  // namespace spdk_nvme::spdk
