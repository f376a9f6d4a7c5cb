// The poll groups of SPDK v22.05 and later. A queue pair in one connects and disconnects in its polls, and the call that begins it
// returns immediately. Before, the package polls each queue pair by itself.

#include <spdk/nvme.h>

#include <cerrno>
#include <cstdlib>
#include <vector>

#include "fake_spdk.h"
#include "fake_target.h"
#include "native/spdk/release.h"

namespace {

using Phase = spdk_nvme_qpair::Phase;

/** Polls that a queue pair needs to connect, and those that its disconnect takes. */
constexpr int kPollsOfConnect = 2;
constexpr int kPollsOfDisconnect = 3;

void begin_to_disconnect(spdk_nvme_qpair& queue_pair) {
  queue_pair.failed = true;
  queue_pair.phase = Phase::disconnecting;
  queue_pair.polls_left = kPollsOfDisconnect;
}

}  // namespace

struct spdk_nvme_poll_group {
  void* context;
  std::vector<spdk_nvme_qpair*> queue_pairs;
};

namespace fake {

void connect_in_group(spdk_nvme_qpair& queue_pair) {
  queue_pair.phase = Phase::connecting;
  queue_pair.polls_left = kPollsOfConnect;
}

void disconnect_in_group(spdk_nvme_qpair& queue_pair) {
  const bool has_begun = queue_pair.phase == Phase::disconnecting || queue_pair.phase == Phase::disconnected;
  if (!has_begun) begin_to_disconnect(queue_pair);
}

void leave_group(spdk_nvme_qpair& queue_pair) {
  // SPDK forgets the group of a queue pair that has not been disconnected, and uses it afterwards.
  if (queue_pair.phase != Phase::disconnected) abort();
  std::erase(queue_pair.group->queue_pairs, &queue_pair);
}

}  // namespace fake

#if SPDK_NVME_RELEASE >= 2205

spdk_nvme_poll_group* spdk_nvme_poll_group_create(void* context, spdk_nvme_accel_fn_table* /*table*/) {
  return new spdk_nvme_poll_group{.context = context, .queue_pairs = {}};
}

extern "C" {

int spdk_nvme_poll_group_get_stats(spdk_nvme_poll_group* /*group*/, spdk_nvme_poll_group_stat** stats) {
  auto* const tcp = new spdk_nvme_transport_poll_group_stat{};
  tcp->trtype = SPDK_NVME_TRANSPORT_TCP;
  *stats = new spdk_nvme_poll_group_stat{1, new spdk_nvme_transport_poll_group_stat* [1] { tcp }};
  return 0;
}
void spdk_nvme_poll_group_free_stats(spdk_nvme_poll_group* /*group*/, spdk_nvme_poll_group_stat* stats) {
  delete *stats->transport_stat;
  delete[] stats->transport_stat;
  delete stats;
}
}

#endif

extern "C" {

int spdk_nvme_poll_group_add(spdk_nvme_poll_group* group, spdk_nvme_qpair* queue_pair) {
  group->queue_pairs.push_back(queue_pair);
  queue_pair->group = group;
  return 0;
}

int spdk_nvme_poll_group_destroy(spdk_nvme_poll_group* group) {
  if (!group->queue_pairs.empty()) return -EBUSY;
  delete group;
  return 0;
}

int64_t spdk_nvme_poll_group_process_completions(spdk_nvme_poll_group* group, uint32_t most,
                                                 spdk_nvme_disconnected_qpair_cb disconnected) {
  for (spdk_nvme_qpair* queue_pair : group->queue_pairs) {
    if (queue_pair->phase == Phase::disconnecting && --queue_pair->polls_left == 0) {
      queue_pair->abort_all();
      queue_pair->phase = Phase::disconnected;
    }
    // Reported in every poll.
    if (queue_pair->phase == Phase::disconnected) disconnected(queue_pair, group->context);
  }
  int64_t completions = 0;
  int64_t failure = 0;
  // A queue pair that fails here is disconnected in a later poll at the earliest.
  for (spdk_nvme_qpair* queue_pair : group->queue_pairs) {
    if (queue_pair->phase == Phase::connecting) {
      const bool waits = fake::target().silent || fake::target().holds_queue_pairs;
      if (!waits && --queue_pair->polls_left == 0) queue_pair->phase = Phase::connected;
    } else if (queue_pair->phase == Phase::connected) {
      if (queue_pair->controller->drop.exchange(false)) {
        begin_to_disconnect(*queue_pair);
        failure = -ENXIO;
      } else {
        completions += spdk_nvme_qpair_process_completions(queue_pair, most);
      }
    }
  }
  return failure != 0 ? failure : completions;
}

}  // extern "C"
