#include "native/spdk/release.h"

#if SPDK_NVME_ASYNC_QUEUE_PAIRS

#include <algorithm>
#include <cerrno>
#include <optional>

#include "native/spdk/grouped_queue_pairs.h"
#include "native/spdk/interpose/last_answer.h"
#include "native/spdk/interpose/socket_use.h"

namespace spdk_nvme::spdk {

namespace {

/** While commands are outstanding this many polls take less than a second, also where the thread sleeps between them. */
constexpr uint32_t kPollsBetweenProbes = 1024;

/**
 * Over TCP SPDK (seen: v24.09, not v26.05) opens the socket of a queue pair when it allocates it, but closes the socket only of one that
 * has begun to connect. Call this before the queue pair is freed without that.
 */
void let_close_socket([[maybe_unused]] spdk_nvme_ctrlr* controller,
                      [[maybe_unused]] spdk_nvme_qpair* queue_pair) {
#if SPDK_NVME_RELEASE < 2601
  if (spdk_nvme_ctrlr_get_transport_id(controller)->trtype != SPDK_NVME_TRANSPORT_TCP) return;
  spdk_nvme_ctrlr_connect_io_qpair(controller, queue_pair);
#endif
}

}  // namespace

bool GroupedQueuePairs::connect(uint32_t queue_depth) {
  if (group_ == nullptr) group_ = spdk_nvme_poll_group_create(this, nullptr);
  if (group_ == nullptr) return false;
  spdk_nvme_io_qpair_opts settings = options(queue_depth);
  settings.async_mode = true;
  spdk_nvme_qpair* queue_pair = spdk_nvme_ctrlr_alloc_io_qpair(controller_, &settings, sizeof(settings));
  if (queue_pair == nullptr) return false;
  const bool joined = spdk_nvme_poll_group_add(group_, queue_pair) == 0;
  if (!joined) let_close_socket(controller_, queue_pair);
  if (!joined || spdk_nvme_ctrlr_connect_io_qpair(controller_, queue_pair) != 0) {
    spdk_nvme_ctrlr_free_io_qpair(queue_pair);
    return false;
  }
  queue_pairs_.push_back(queue_pair);

#if SPDK_NVME_RELEASE < 2309
  // A command is queued until its queue pair is connected: any completion, also an error, proves that.
  spdk_nvme_cmd probe{};
  probe.opc = SPDK_NVME_OPC_FLUSH;
  probe.nsid = 1;
  const auto on_probed = [](void* self, const spdk_nvme_cpl*) {
    static_cast<GroupedQueuePairs*>(self)->probed_++;
  };
  return spdk_nvme_ctrlr_cmd_io_raw(controller_, queue_pair, &probe, nullptr, 0, on_probed, this) == 0;
#else
  return true;
#endif
}

GroupedQueuePairs::Connection GroupedQueuePairs::connection() const {
  if (disturbed()) return Connection::failed;
#if SPDK_NVME_RELEASE < 2309
  const bool connected = probed_ >= queue_pairs_.size();
#else
  const bool connected = std::ranges::all_of(queue_pairs_, spdk_nvme_qpair_is_connected);
#endif
  return connected ? Connection::established : Connection::pending;
}

int64_t GroupedQueuePairs::poll() {
  const int64_t completions = poll_group();
  if (++polls_ % kPollsBetweenProbes != 0 || completions < 0) return completions;
  const int64_t more = probe();
  return more < 0 ? more : completions + more;
}

int64_t GroupedQueuePairs::poll_group() {
  // With several queue pairs the last answer of one would keep SPDK from reading from the next.
  std::optional<LastAnswer> last_answer;
  if (queue_pairs_.size() == 1) last_answer.emplace();
  return spdk_nvme_poll_group_process_completions(group_, 0, on_disconnected);
}

/**
 * Polls each queue pair by itself: a poll group polls those that have received something, and so does not show that SPDK reads no
 * more from one of them, see SocketUse. Returns what poll() does.
 */
int64_t GroupedQueuePairs::probe() {
  const bool reads_sockets =
      kStaticSpdk && spdk_nvme_ctrlr_get_transport_id(controller_)->trtype == SPDK_NVME_TRANSPORT_TCP;
  if (!reads_sockets || connection() != Connection::established) return 0;
  int64_t completions = 0;
  for (spdk_nvme_qpair* queue_pair : queue_pairs_) {
    const uint64_t reads = socket_use.reads;
    const int32_t result = spdk_nvme_qpair_process_completions(queue_pair, 0);
    if (result < 0) return result;
    if (result == 0 && socket_use.reads == reads) return -EPROTO;
    completions += result;
  }
  return completions;
}

std::vector<TransportStats> GroupedQueuePairs::transport_stats(LingerLock& linger,
                                                               std::chrono::microseconds patience) const {
  std::vector<TransportStats> all;
  // No thread polls meanwhile.
  const LingerLock::ExclusiveGuard alone(linger, patience);
  spdk_nvme_poll_group_stat* stats = nullptr;
  if (!alone.held() || group_ == nullptr || spdk_nvme_poll_group_get_stats(group_, &stats) != 0) return all;
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
  return all;
}

void GroupedQueuePairs::free() {
  free_all();
  gone_.clear();
  if (group_ != nullptr) spdk_nvme_poll_group_destroy(group_);
  group_ = nullptr;
}

void GroupedQueuePairs::on_disconnected(spdk_nvme_qpair* queue_pair, void* context) {
  static_cast<GroupedQueuePairs*>(context)->mark_gone(queue_pair);
}

/** Notes a queue pair once: SPDK repeats the report in every poll until it leaves its group. */
void GroupedQueuePairs::mark_gone(spdk_nvme_qpair* queue_pair) {
  if (std::ranges::find(gone_, queue_pair) == gone_.end()) gone_.push_back(queue_pair);
}

}  // namespace spdk_nvme::spdk

#endif
