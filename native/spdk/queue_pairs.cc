#include "native/spdk/queue_pairs.h"

#include <algorithm>

#include "native/core/base/backoff.h"
#include "native/spdk/interpose/connection_watch.h"

namespace spdk_nvme::spdk {

namespace {

constexpr uint32_t kSpareRequests = 16;

}  // namespace

bool PolledQueuePairs::connect(uint32_t queue_depth) {
#if SPDK_NVME_RELEASE >= 2205
  if (group_ == nullptr) group_ = spdk_nvme_poll_group_create(this, nullptr);
  if (group_ == nullptr) return false;
#endif
  spdk_nvme_io_qpair_opts options{};
  spdk_nvme_ctrlr_get_default_io_qpair_opts(controller_, &options, sizeof(options));
#if SPDK_NVME_RELEASE >= 2505
  options.opts_size = sizeof(options);
#endif
  options.io_queue_size = queue_depth;
  // More than the rings use: SPDK may split a vectored command into several requests, see command_limits.h.
  options.io_queue_requests = queue_depth * 2 + kSpareRequests;
  // A poll first submits and then polls: commands are sent together, with one system call on soft-RoCE.
  options.delay_cmd_submit = true;
  options.create_only = true;
#if SPDK_NVME_RELEASE >= 2205
  options.async_mode = true;
#endif
  spdk_nvme_qpair* queue_pair = spdk_nvme_ctrlr_alloc_io_qpair(controller_, &options, sizeof(options));
  if (queue_pair == nullptr) return false;

  const bool added = group_ == nullptr || spdk_nvme_poll_group_add(group_, queue_pair) == 0;
  if (!added || spdk_nvme_ctrlr_connect_io_qpair(controller_, queue_pair) != 0) {
    spdk_nvme_ctrlr_free_io_qpair(queue_pair);
    return false;
  }
  queue_pairs_.push_back(queue_pair);

#if SPDK_NVME_RELEASE >= 2205 && SPDK_NVME_RELEASE < 2309
  // A command is queued until its queue pair is connected: any completion, also an error, proves that.
  spdk_nvme_cmd probe{};
  probe.opc = SPDK_NVME_OPC_FLUSH;
  probe.nsid = 1;
  const auto on_probed = [](void* self, const spdk_nvme_cpl*) {
    static_cast<PolledQueuePairs*>(self)->probed_++;
  };
  return spdk_nvme_ctrlr_cmd_io_raw(controller_, queue_pair, &probe, nullptr, 0, on_probed, this) == 0;
#else
  return true;
#endif
}

PolledQueuePairs::Connection PolledQueuePairs::connection() const {
  if (disturbed()) return Connection::failed;
#if SPDK_NVME_RELEASE >= 2309
  const auto connected = [](spdk_nvme_qpair* queue_pair) { return spdk_nvme_qpair_is_connected(queue_pair); };
  return std::all_of(queue_pairs_.begin(), queue_pairs_.end(), connected) ? Connection::established
                                                                          : Connection::pending;
#elif SPDK_NVME_RELEASE >= 2205
  return probed_ >= queue_pairs_.size() ? Connection::established : Connection::pending;
#else
  return Connection::established;
#endif
}

int64_t PolledQueuePairs::poll() {
  if (group_ != nullptr) return spdk_nvme_poll_group_process_completions(group_, 0, on_disconnected);
  // A failed queue pair is disconnected inside, while other queue pairs wait for this thread.
  const CmWaitLimit no_wait(std::chrono::milliseconds(0));
  int64_t completions = 0;
  int64_t failure = 0;
  for (spdk_nvme_qpair* queue_pair : queue_pairs_) {
    const int32_t result = spdk_nvme_qpair_process_completions(queue_pair, 0);
    if (result < 0) {
      failure = result;
    } else {
      completions += result;
    }
  }
  return failure != 0 ? failure : completions;
}

bool PolledQueuePairs::disturbed() const {
  const auto failed = [](spdk_nvme_qpair* queue_pair) {
    return spdk_nvme_qpair_get_failure_reason(queue_pair) != SPDK_NVME_QPAIR_FAILURE_NONE;
  };
  return !gone_.empty() || std::any_of(queue_pairs_.begin(), queue_pairs_.end(), failed);
}

std::vector<TransportStats> PolledQueuePairs::transport_stats() const {
  std::vector<TransportStats> all;
#if SPDK_NVME_RELEASE >= 2205
  spdk_nvme_poll_group_stat* stats = nullptr;
  if (group_ == nullptr || spdk_nvme_poll_group_get_stats(group_, &stats) != 0) return all;
  for (uint32_t i = 0; i < stats->num_transports; i++) {
    const spdk_nvme_transport_poll_group_stat& transport = *stats->transport_stat[i];
    if (transport.trtype == SPDK_NVME_TRANSPORT_RDMA) {
      for (uint32_t device = 0; device < transport.rdma.num_devices; device++) {
        const spdk_nvme_rdma_device_stat& counts = transport.rdma.device_stats[device];
        all.push_back({counts.name,
                       {{"polls", counts.polls},
                        {"idlePolls", counts.idle_polls},
                        {"completions", counts.completions},
                        {"queuedRequests", counts.queued_requests},
                        {"sends", counts.total_send_wrs},
                        {"sendDoorbells", counts.send_doorbell_updates},
                        {"receives", counts.total_recv_wrs},
                        {"receiveDoorbells", counts.recv_doorbell_updates}}});
      }
    } else if (transport.trtype == SPDK_NVME_TRANSPORT_TCP) {
      const spdk_nvme_tcp_stat& counts = transport.tcp;
      all.push_back({"tcp",
                     {{"polls", counts.polls},
                      {"idlePolls", counts.idle_polls},
                      {"socketCompletions", counts.socket_completions},
                      {"completions", counts.nvme_completions},
                      {"submittedRequests", counts.submitted_requests},
                      {"queuedRequests", counts.queued_requests}}});
    }
  }
  spdk_nvme_poll_group_free_stats(group_, stats);
#endif
  return all;
}

void PolledQueuePairs::disconnect() {
  for (spdk_nvme_qpair* queue_pair : queue_pairs_) spdk_nvme_ctrlr_disconnect_io_qpair(queue_pair);
}

void PolledQueuePairs::disconnect_and_wait() {
  if constexpr (!disconnect_without_waiting()) return;
  // SPDK forgets the poll group of a queue pair that is freed before it is disconnected, and then uses it.
  disconnect();
  const Backoff backoff;
  while (!disconnected()) {
    poll();
    backoff.pause();
  }
}

void PolledQueuePairs::free() {
  // SPDK before v22.05 completes the commands of a queue pair that it frees before it disconnects it: their memory would be given
  // back while the target can still read and write it.
  if constexpr (!disconnect_without_waiting()) disconnect();
  for (spdk_nvme_qpair* queue_pair : queue_pairs_) spdk_nvme_ctrlr_free_io_qpair(queue_pair);
  queue_pairs_.clear();
  gone_.clear();
  if (group_ != nullptr) spdk_nvme_poll_group_destroy(group_);
  group_ = nullptr;
}

void PolledQueuePairs::on_disconnected(spdk_nvme_qpair* queue_pair, void* context) {
  static_cast<PolledQueuePairs*>(context)->mark_gone(queue_pair);
}

/** Notes a queue pair once: SPDK repeats the report in every poll until it leaves its group. */
void PolledQueuePairs::mark_gone(spdk_nvme_qpair* queue_pair) {
  if (std::find(gone_.begin(), gone_.end(), queue_pair) == gone_.end()) gone_.push_back(queue_pair);
}

}  // namespace spdk_nvme::spdk
