#include "native/spdk/connect.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <thread>
#include <utility>

#include "native/spdk/release_info.h"
#include "native/spdk/source_address.h"

namespace spdk_nvme::spdk {

namespace {

/** spdk_nvme_connect_async() returns the options as context, so the attempt is passed in this variable. */
thread_local ConnectAttempt* t_attempt = nullptr;

class AttemptScope {
 public:
  explicit AttemptScope(ConnectAttempt* attempt) { t_attempt = attempt; }
  ~AttemptScope() { t_attempt = nullptr; }
};

template <size_t Size>
void copy_text(char (&target)[Size], const std::string& text) {
  snprintf(target, Size, "%s", text.c_str());
}

/**
 * An hour: many releases compute with microseconds in 32 bits, or multiply them by the ticks of a second, and a longer limit may become
 * a very short one.
 */
constexpr uint32_t kMaxTimeoutMs = 3'600'000;

constexpr int kFirstWithTcpAckTimeout = 2205;
constexpr int kFirstWithTos = 2301;

}  // namespace

std::string unsupported_setting(const spdk_nvme_transport_id& id, const ConnectSettings& settings) {
  const bool tcp = id.trtype == SPDK_NVME_TRANSPORT_TCP;
  if (tcp && !settings.source_address.empty() && !binds_tcp_source_address()) {
    return lacks("ignores sourceAddress over TCP", kFirstWithTcpSourceAddress);
  }
  if (tcp && settings.transport_ack_timeout >= 0 && SPDK_NVME_RELEASE < kFirstWithTcpAckTimeout) {
    return lacks("ignores transportAckTimeout over TCP", "v22.05");
  }
  if (settings.tos >= 0 && SPDK_NVME_RELEASE < kFirstWithTos) return lacks("ignores tos", "v23.01");
  if (settings.keys.any() && !kTakesKeys) return lacks("ignores dhchap and tls", "v24.05");
  return "";
}

ConnectAttempt::ConnectAttempt(const spdk_nvme_transport_id& id, const ConnectSettings& settings) {
  spdk_nvme_ctrlr_get_default_ctrlr_opts(&options_, sizeof(options_));
  options_.num_io_queues = settings.io_queues;
  options_.io_queue_size = settings.queue_depth;
  options_.keep_alive_timeout_ms = settings.keep_alive_ms;
  // The limit of each command that initialises the controller. SPDK notices a target that disappears
  // meanwhile by this limit only; the default is two minutes. Some of its uses count whole seconds.
  options_.admin_timeout_ms = std::clamp(settings.timeout_ms, 1'000U, kMaxTimeoutMs);
  if (!settings.host_nqn.empty()) copy_text(options_.hostnqn, settings.host_nqn);
  const auto* host_id = settings.host_id;
  if (std::any_of(host_id, host_id + sizeof(settings.host_id), [](uint8_t byte) { return byte != 0; })) {
    memcpy(options_.extended_host_id, host_id, sizeof(options_.extended_host_id));
  }
  copy_text(options_.src_addr, settings.source_address);
  copy_text(options_.src_svcid, settings.source_service);
  options_.header_digest = settings.header_digest;
  options_.data_digest = settings.data_digest;
  if (settings.transport_ack_timeout >= 0) {
    options_.transport_ack_timeout = static_cast<uint8_t>(settings.transport_ack_timeout);
  }
  if (settings.transport_retry_count >= 0) {
    options_.transport_retry_count = static_cast<uint8_t>(settings.transport_retry_count);
  }
#if SPDK_NVME_RELEASE >= 2301
  if (settings.tos >= 0) options_.transport_tos = static_cast<uint8_t>(settings.tos);
#endif
#if SPDK_NVME_RELEASE >= 2010
  options_.fabrics_connect_timeout_us = uint64_t{std::min(settings.timeout_ms, kMaxTimeoutMs)} * 1000;
#endif
#if SPDK_NVME_RELEASE >= 2107
  // lib/multipath reads it. SPDK would wait for it in an attach, and in the poll that reports a change: it reports none if it cannot
  // read the log, and it copies as much as the target's counts say.
  options_.disable_read_ana_log_page = true;
#endif
  settings.keys.pass_to(options_);
  const AttemptScope scope(this);
  probe_ = spdk_nvme_connect_async(&id, &options_, on_attach);
}

ConnectAttempt::Progress ConnectAttempt::poll() {
  if (probe_ != nullptr) {
    const AttemptScope scope(this);
    if (spdk_nvme_probe_poll_async(probe_) == -EAGAIN) return Progress::pending;
    probe_ = nullptr;  // SPDK frees it with its last poll
  }
  // The return value does not show it: since v21.01 it is 0 for a failed attempt too.
  return controller_ != nullptr ? Progress::connected : Progress::failed;
}

void ConnectAttempt::yield() {
  // Before, a poll waits for a response or two.
  if (kAsyncQueuePairs) std::this_thread::yield();
}

void ConnectAttempt::on_attach(void* /*context*/, const spdk_nvme_transport_id* /*id*/,
                               spdk_nvme_ctrlr* controller, const spdk_nvme_ctrlr_opts* options) {
  t_attempt->controller_ = controller;
  t_attempt->granted_io_queues_ = options->num_io_queues;
  t_attempt->granted_queue_depth_ = options->io_queue_size;
  t_attempt->granted_keep_alive_ms_ = options->keep_alive_timeout_ms;
}

bool DetachAttempt::poll() {
#if SPDK_NVME_RELEASE >= 2010
  if (!begun_) {
    begun_ = true;
    // Without a context there is nothing to poll: the controller is destroyed, or could not be detached at all.
    if (spdk_nvme_detach_async(controller_, &context_) != 0 || context_ == nullptr) return true;
  }
  return context_ == nullptr || spdk_nvme_detach_poll_async(context_) != -EAGAIN;
#else
  if (!begun_) {
    begun_ = true;
    spdk_nvme_detach(controller_);
  }
  return true;
#endif
}

void DetachAttempt::stop_waiting() {
  if (std::exchange(waiting_, false)) spdk_nvme_ctrlr_fail(controller_);
}

void DetachAttempt::interrupt(ConnectionWatch& watch) {
  // Later releases wait between polls.
  if (!kAsyncQueuePairs) watch.disconnect_established();
}

}  // namespace spdk_nvme::spdk
